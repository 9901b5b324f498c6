import { expect, it } from 'vitest'
import { StuckJobs } from '../../../../agent/migration/stuck-jobs.ts'

it('a job is stuck that was told to end long ago, for the same migration', () => {
  let now = 0
  const jobs = new StuckJobs({ monotonic: () => now })
  const is = (id = 'm') => jobs.isStuck('u', id)
  expect(is()).toBe(false)
  jobs.told('u', 'm')
  now = 14_999
  jobs.told('u', 'm')
  expect(is()).toBe(false)
  now = 15_000
  expect([is(), is('later')]).toEqual([true, false])
  jobs.told('u', 'later')
  expect([is(), is('later')]).toEqual([false, false])
  now = 30_000
  jobs.forget('u')
  expect(is('later')).toBe(false)
})
