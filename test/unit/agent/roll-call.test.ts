import { expect, it } from 'vitest'
import { RollCall } from '../../../agent/roll-call.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function rollCall(keys: readonly string[]) {
  const clock = new ManualClock()
  let completed = 0
  const call = new RollCall({ clock, keys, patienceMs: 1_000, onComplete: () => completed++ })
  const stopping = new AbortController()
  call.start(stopping.signal)
  return { call, clock, stopping, completed: () => completed }
}

it('is complete when everybody was heard, once', async () => {
  const { call, clock, completed } = rollCall(['a', 'b'])
  for (const key of ['a', 'a', 'stranger']) call.heard(key)
  expect(completed()).toBe(0)
  call.heard('b')
  expect(completed()).toBe(1)
  await clock.advance(2_000)
  call.heard('b')
  expect(completed()).toBe(1)
})

it('is complete at once when there is nobody, and after a while without one that says nothing', async () => {
  expect(rollCall([]).completed()).toBe(1)
  const { clock, completed } = rollCall(['silent'])
  await clock.advance(999)
  expect(completed()).toBe(0)
  await clock.advance(1)
  expect(completed()).toBe(1)
})

it('is never complete after the end', async () => {
  const { clock, stopping, completed } = rollCall(['silent'])
  stopping.abort(new Error('stopping'))
  await clock.advance(5_000)
  expect(completed()).toBe(0)
})
