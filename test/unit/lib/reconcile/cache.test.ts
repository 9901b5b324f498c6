import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import type { KubeObject } from '../../../../lib/object.ts'
import { Cache, type CacheOptions } from '../../../../lib/reconcile/cache.ts'
import { itself, on, referredBy } from '../../../../lib/reconcile/sources.ts'
import { openSqliteStore } from '../../../../lib/store/sqlite/open.ts'
import type { Change } from '../../../../lib/store/store.ts'
import { scratch } from '../../../support/scratch.ts'
import { DISKS, key, NODES, object } from '../store/fixtures.ts'

const imageOf = (disk: KubeObject): readonly string[] => {
  const { image } = disk.spec as { readonly image?: string }
  return image === undefined ? [] : [image]
}
const BY_IMAGE = `${DISKS}/image`

async function setup(options: Partial<CacheOptions> = {}) {
  const store = await openSqliteStore({ path: join(scratch(), 'berth.db') })
  const cache = new Cache({ store, resources: [DISKS, NODES], indexes: { [BY_IMAGE]: imageOf }, ...options })
  onTestFinished(async () => {
    cache.stop()
    await store.close()
  })
  return { store, cache }
}

const put = (name: string, spec: unknown = {}, namespace = 'default') => ({
  op: 'create' as const,
  key: key(name, namespace),
  value: object(key(name, namespace), spec),
})
const names = (objects: readonly KubeObject[]) =>
  objects.map(({ metadata: { namespace, name } }) => `${namespace}/${name}`)

test('it has what was there, follows what comes, and shares the values of the store', async () => {
  const { store, cache } = await setup()
  const old = await store.create(key('old'), object(key('old'), 1))
  await cache.start()
  expect(cache.get(DISKS, { namespace: 'default', name: 'old' })).toBe(old.value)
  const made = await store.create(key('new'), object(key('new'), 2))
  expect(cache.get(DISKS, { namespace: 'default', name: 'new' })).toBe(made.value)
  expect((await store.get(key('new')))?.value).toBe(made.value)
  await store.delete(key('old'))
  expect(cache.get(DISKS, { namespace: 'default', name: 'old' })).toBeNull()
  expect(names(cache.list(DISKS))).toEqual(['default/new'])
})

test('writes that happen while it loads are neither lost nor overwritten by what was read', async () => {
  const { store, cache } = await setup()
  for (const name of ['stays', 'goes', 'changes']) await store.create(key(name), object(key(name), 'before'))
  const starting = cache.start()
  await Promise.all([
    store.create(key('comes'), object(key('comes'), 'during')),
    store.update(key('changes'), object(key('changes'), 'during')),
    store.delete(key('goes')),
    starting,
  ])
  expect(cache.list(DISKS).map(({ metadata: { name }, spec }) => [name, spec])).toEqual([
    ['changes', 'during'],
    ['comes', 'during'],
    ['stays', 'before'],
  ])
})

test('lists are ordered by namespace and name and can be of one namespace', async () => {
  const { store, cache } = await setup()
  await cache.start()
  for (const [name, namespace] of [
    ['b', 'x'],
    ['a', 'x-y'],
    ['a', 'x'],
    ['a.b', 'x'],
    ['c', 'w'],
  ] as const) {
    await store.transact([put(name, {}, namespace)])
  }
  expect(names(cache.list(DISKS))).toEqual(['w/c', 'x/a', 'x/a.b', 'x/b', 'x-y/a'])
  expect(names(cache.list(DISKS, 'x'))).toEqual(['x/a', 'x/a.b', 'x/b'])
  expect(cache.list(DISKS, 'none')).toEqual([])
})

test('indexes follow changes of the indexed value and deletions', async () => {
  const { store, cache } = await setup()
  await store.transact([put('b', { image: 'debian' })])
  await cache.start()
  await store.transact([put('a', { image: 'debian' }), put('c', { image: 'alpine' }), put('d')])
  expect(names(cache.byIndex(BY_IMAGE, 'debian'))).toEqual(['default/a', 'default/b'])
  await store.update(key('a'), object(key('a'), { image: 'alpine' }))
  await store.delete(key('b'))
  expect(names(cache.byIndex(BY_IMAGE, 'debian'))).toEqual([])
  expect(names(cache.byIndex(BY_IMAGE, 'alpine'))).toEqual(['default/a', 'default/c'])
})

test('of what very many have in common it tells how many there are, and the first of them, in order', async () => {
  const { store, cache } = await setup()
  await cache.start()
  await store.transact(['c', 'a', 'd', 'b'].map((name) => put(name, { image: 'debian' })))
  // A change that leaves the value of the index as it is leaves the order as it is, and shows the new object.
  const changed = await store.update(key('b'), object(key('b'), { image: 'debian', size: 2 }))
  const { count, first } = cache.someByIndex(BY_IMAGE, 'debian', 2)
  expect(count).toBe(4)
  expect(names(first)).toEqual(['default/a', 'default/b'])
  expect(first[1]).toBe(changed.value)
  expect(cache.someByIndex(BY_IMAGE, 'alpine', 2)).toEqual({ count: 0, first: [] })
})

test('what it does not hold, or not yet, is an error and not an absence', async () => {
  const { store, cache } = await setup()
  expect(() => cache.list(DISKS)).toThrow('not loaded yet')
  await cache.start()
  expect(() => cache.list('secrets')).toThrow('does not hold secrets')
  expect(() => cache.byIndex(`${DISKS}/size`, '1')).toThrow('no index')
  expect(() => new Cache({ store, resources: [NODES], indexes: { [BY_IMAGE]: imageOf } })).toThrow('does not hold')
  await expect(cache.start()).rejects.toThrow('started already')
})

test('listeners see the state after the whole commit; one that throws costs no other its call', async () => {
  const { store, cache } = await setup()
  await cache.start()
  const seen: unknown[] = []
  cache.onChange(() => {
    throw new Error('oops')
  })
  const unsubscribe = cache.onChange((change) => {
    seen.push([change.type === 'put' ? change.entry.key.name : change.key.name, names(cache.list(DISKS))])
  })
  await store.transact([put('a'), put('b')])
  unsubscribe()
  await store.transact([put('c')])
  expect(seen).toEqual([
    ['a', ['default/a', 'default/b']],
    ['b', ['default/a', 'default/b']],
  ])
})

test('the cache equals the store after any sequence of writes', async () => {
  const { store, cache } = await setup()
  await cache.start()
  const write = fc.record({
    name: fc.constantFrom('a', 'a-a', 'a.a', 'b'),
    namespace: fc.constantFrom('x', 'x-y', 'xy'),
    image: fc.constantFrom('one', 'two', undefined),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(write, { maxLength: 30 }), async (writes) => {
      await Promise.all(
        writes.map(async ({ name, namespace, image }, n) => {
          const target = key(name, namespace)
          const value = object(target, image === undefined ? {} : { image })
          const refused = () => undefined
          if (n % 3 === 0) await store.delete(target).catch(refused)
          else await store.create(target, value).catch(() => store.update(target, value).catch(refused))
        }),
      )
      const { entries } = await store.list(DISKS)
      expect(cache.list(DISKS)).toEqual(entries.map(({ value }) => value))
      for (const image of ['one', 'two']) {
        const expected = entries.filter(({ value }) => imageOf(value).includes(image)).map(({ value }) => value)
        expect(cache.byIndex(BY_IMAGE, image)).toEqual(expected)
      }
    }),
    { numRuns: 40 },
  )
})

test('sources turn changes of one resource into keys', async () => {
  const { store, cache } = await setup()
  await cache.start()
  const taken: string[] = []
  const sink = { enqueue: (taker: string) => taken.push(taker) }
  const stop = on(cache, DISKS, itself, sink)
  on(
    cache,
    DISKS,
    referredBy((disk) => imageOf(disk).map((image) => `image/${image}`)),
    sink,
  )
  on(cache, NODES, (change: Change) => [`node of ${change.type}`], sink)

  await store.create(key('a'), object(key('a'), { image: 'old' }))
  expect(taken.splice(0)).toEqual(['default/a', 'image/old'])
  await store.update(key('a'), object(key('a'), { image: 'new' }))
  expect(taken.splice(0)).toEqual(['default/a', 'image/old', 'image/new'])
  stop()
  await store.create(key('b'), object(key('b')))
  expect(taken).toEqual([])
  await store.delete(key('a'))
  expect(taken.splice(0)).toEqual(['image/new'])
  await store.create(key('n', '', NODES), object(key('n', '', NODES)))
  expect(taken).toEqual(['node of put'])
})
