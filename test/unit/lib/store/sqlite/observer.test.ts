import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openSqliteStore } from '../../../../../lib/store/sqlite/open.ts'
import { scratch } from '../../../../support/scratch.ts'
import { key, object } from '../fixtures.ts'

test('each commit is told with its changes; writes of one moment share one, and one that failed is told as such', async () => {
  const told: [string, number][] = []
  const observer = {
    committed: (outcome: string, changes: number, ms: number) => {
      expect(ms).toBeGreaterThanOrEqual(0)
      told.push([outcome, changes])
    },
  }
  const store = await openSqliteStore({ path: join(scratch(), 'berth.db'), observer, maxBytes: 400_000 })
  onTestFinished(() => store.close())
  await Promise.all(['a', 'b', 'c'].map((name) => store.create(key(name), object(key(name)))))
  await store.delete(key('a'))
  // A refusal is no failed commit.
  await expect(store.create(key('b'), object(key('b')))).rejects.toMatchObject({ code: 'exists' })
  expect(told).toEqual([
    ['ok', 3],
    ['ok', 1],
    ['ok', 0],
  ])
  expect(store.revision() - store.compacted()).toBe(4n)
  const large = object(key('large'), 'x'.repeat(500_000))
  await expect(store.create(key('large'), large)).rejects.toMatchObject({ code: 'unavailable' })
  expect(told.at(-1)).toEqual(['failed', 0])
})
