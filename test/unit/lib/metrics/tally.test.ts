import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { Tally } from '../../../../lib/metrics/tally.ts'
import { Cache } from '../../../../lib/reconcile/cache.ts'
import { openSqliteStore } from '../../../../lib/store/sqlite/open.ts'
import { scratch } from '../../../support/scratch.ts'
import { DISKS, key, NODES, object } from '../store/fixtures.ts'

async function setup() {
  const store = await openSqliteStore({ path: join(scratch(), 'berth.db') })
  const cache = new Cache({ store, resources: [DISKS, NODES] })
  onTestFinished(async () => {
    cache.stop()
    await store.close()
  })
  await cache.start()
  return { store, cache, tally: new Tally(cache) }
}

const disk = (name: string, status: unknown) => ({ ...object(key(name), {}), status })
const ready = (reason: string) => ({ type: 'Ready', status: 'True', reason, message: `told by ${reason}` })
/** Comparable, whatever the order. */
const shown = (tally: Tally) => [...tally.of(DISKS)].map((counted) => JSON.stringify(counted)).sort()

test('what is said is counted when it is asked for, and follows each change from then on', async () => {
  const { store, tally } = await setup()
  await store.create(key('a'), disk('a', { phase: 'Ready', conditions: [ready('Fine')] }))
  await store.create(key('b'), disk('b', { phase: 'Ready', conditions: [ready('Fine')] }))
  const fine = { phase: 'Ready', conditions: [{ type: 'Ready', status: 'True', reason: 'Fine' }] }
  const nothing = { phase: '', conditions: [] }
  expect([...tally.of(DISKS)]).toEqual([{ said: fine, count: 2 }])
  expect([...tally.of(NODES)]).toEqual([])
  await store.update(key('a'), disk('a', undefined))
  expect([...tally.of(DISKS)]).toEqual([
    { said: fine, count: 1 },
    { said: nothing, count: 1 },
  ])
  await store.delete(key('b'))
  expect([...tally.of(DISKS)]).toEqual([{ said: nothing, count: 1 }])
})

test.each([
  ['no list', 7],
  ['holes in its list', [null, ready('Fine')]],
])('conditions with %s count as far as there are any', async (_, conditions) => {
  const { store, tally } = await setup()
  expect([...tally.of(DISKS)]).toEqual([])
  await store.create(key('a'), disk('a', { phase: 7, conditions }))
  expect([...tally.of(DISKS)]).toMatchObject([{ said: { phase: '' }, count: 1 }])
})

test('it equals a count of all after any sequence of writes', async () => {
  const { store, cache, tally } = await setup()
  const status = fc.option(
    fc.record({
      phase: fc.constantFrom('Ready', 'Pending'),
      conditions: fc.array(fc.constantFrom(ready('Fine'), ready('Slow')), { maxLength: 2 }),
    }),
    { nil: undefined },
  )
  const write = fc.record({ name: fc.constantFrom('a', 'b', 'c'), status, goes: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(fc.array(write, { maxLength: 12 }), async (writes) => {
      for (const { name, status: said, goes } of writes) {
        const is = (await store.get(key(name))) !== null
        if (is && goes) await store.delete(key(name))
        else if (is) await store.update(key(name), disk(name, said))
        else await store.create(key(name), disk(name, said))
      }
      expect(shown(tally)).toEqual(shown(new Tally(cache)))
    }),
    { numRuns: 50 },
  )
})
