// What every driver of the store must do. A driver's test file calls `storeContract` with a way to open it.
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { keyOf, revisionOf } from '../../../../lib/store/change.ts'
import { type Change, MAX_OBJECT_BYTES, MAX_OPS, type Op, type StoreKey } from '../../../../lib/store/store.ts'
import { DISKS, type Driver, key, NODES, object, refusal, take } from './fixtures.ts'
import { modelContract } from './model.ts'

const names = (result: { readonly entries: readonly { readonly key: StoreKey }[] }) =>
  result.entries.map(({ key: { namespace, name } }) => `${namespace}/${name}`)

export function storeContract(title: string, open: () => Promise<Driver>): void {
  const fresh = async (): Promise<Driver> => {
    const driver = await open()
    onTestFinished(() => driver.store.close())
    return driver
  }

  describe(`${title}: objects`, () => {
    test('a created object is read back with the revision as its resourceVersion', async () => {
      const { store } = await fresh()
      const before = store.revision()
      const made = await store.create(key('a'), object(key('a'), { size: '1Gi' }))
      expect(made.revision).toBeGreaterThan(before)
      expect(made.value.metadata.resourceVersion).toBe(String(made.revision))
      expect(made.value.spec).toEqual({ size: '1Gi' })
      expect(await store.get(key('a'))).toEqual(made)
      expect(store.revision()).toBe(made.revision)
    })

    test('values are copies of what was given, and frozen', async () => {
      const { store } = await fresh()
      const spec = { list: [{ n: 1 }] }
      const made = await store.create(key('a'), object(key('a'), spec))
      spec.list.push({ n: 2 })
      expect((await store.get(key('a')))?.value.spec).toEqual({ list: [{ n: 1 }] })
      expect(Object.isFrozen(made.value)).toBe(true)
      expect(Object.isFrozen((made.value.spec as typeof spec).list[0])).toBe(true)
    })

    test('an absent object is null, and cannot be updated, deleted or checked', async () => {
      const { store } = await fresh()
      expect(await store.get(key('a'))).toBeNull()
      await expect(store.update(key('a'), object(key('a')))).rejects.toEqual(refusal('not-found'))
      await expect(store.delete(key('a'))).rejects.toEqual(refusal('not-found'))
      await expect(store.transact([{ op: 'check', key: key('a') }])).rejects.toEqual(refusal('not-found'))
    })

    test('a second create is refused and names the object', async () => {
      const { store } = await fresh()
      await store.create(key('a'), object(key('a'), 1))
      await expect(store.create(key('a'), object(key('a'), 2))).rejects.toEqual(refusal('exists'))
      await expect(store.create(key('a'), object(key('a'), 2))).rejects.toMatchObject({ key: key('a') })
      expect((await store.get(key('a')))?.value.spec).toBe(1)
    })

    test('update and delete hold the writer to the revision and the uid that it expects', async () => {
      const { store } = await fresh()
      const first = await store.create(key('a'), object(key('a'), 1))
      const second = await store.update(key('a'), object(key('a'), 2), {
        revision: first.revision,
        uid: first.value.metadata.uid,
      })
      const stale = { revision: first.revision }
      await expect(store.update(key('a'), object(key('a'), 3), stale)).rejects.toEqual(refusal('conflict'))
      await expect(store.delete(key('a'), stale)).rejects.toEqual(refusal('conflict'))
      await expect(store.delete(key('a'), { uid: 'another' })).rejects.toEqual(refusal('conflict'))
      expect((await store.get(key('a')))?.value.spec).toBe(2)
      await store.delete(key('a'), { revision: second.revision, uid: first.value.metadata.uid })
      expect(await store.get(key('a'))).toBeNull()
      expect(store.revision()).toBe(second.revision + 1n)
    })

    test('of writers that read the same revision exactly one wins', async () => {
      const { store } = await fresh()
      const { revision } = await store.create(key('a'), object(key('a')))
      const tries = Array.from({ length: 20 }, (_, n) => store.update(key('a'), object(key('a'), n), { revision }))
      const results = await Promise.allSettled(tries)
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      for (const result of results) if (result.status === 'rejected') expect(result.reason).toEqual(refusal('conflict'))
    })

    test('an object above 1 MiB is refused, one just below is kept', async () => {
      const { store } = await fresh()
      const big = object(key('big'), 'x'.repeat(MAX_OBJECT_BYTES))
      await expect(store.create(key('big'), big)).rejects.toEqual(refusal('too-large'))
      const room = MAX_OBJECT_BYTES - JSON.stringify(object(key('big'), '')).length - 10
      await store.create(key('big'), object(key('big'), 'x'.repeat(room)))
      await expect(store.update(key('big'), big)).rejects.toEqual(refusal('too-large'))
      expect((await store.get(key('big')))?.value.spec).toHaveLength(room)
    })

    test('names that only a separator would tell apart stay apart', async () => {
      const { store } = await fresh()
      await store.create(key('b/c', 'a'), object(key('b/c', 'a'), 1))
      await store.create(key('c', 'a/b'), object(key('c', 'a/b'), 2))
      expect((await store.get(key('b/c', 'a')))?.value.spec).toBe(1)
      expect((await store.get(key('c', 'a/b')))?.value.spec).toBe(2)
    })
  })

  describe(`${title}: transactions`, () => {
    test('all or nothing', async () => {
      const { store } = await fresh()
      await store.create(key('taken'), object(key('taken')))
      const before = store.revision()
      const ops: Op[] = [
        { op: 'create', key: key('a'), value: object(key('a')) },
        { op: 'create', key: key('taken'), value: object(key('taken')) },
      ]
      await expect(store.transact(ops)).rejects.toEqual(refusal('exists'))
      expect(await store.get(key('a'))).toBeNull()
      expect(store.revision()).toBe(before)
    })

    test('results follow the operations, null where nothing was written', async () => {
      const { store } = await fresh()
      const a = await store.create(key('a'), object(key('a')))
      await store.create(key('b'), object(key('b')))
      const result = await store.transact([
        { op: 'check', key: key('a'), expect: { revision: a.revision } },
        { op: 'create', key: key('c'), value: object(key('c')) },
        { op: 'delete', key: key('b') },
      ])
      expect(result.map((entry) => entry?.key.name ?? null)).toEqual([null, 'c', null])
      expect(names(await store.list(DISKS))).toEqual(['default/a', 'default/c'])
    })

    test('a check that fails writes nothing', async () => {
      const { store } = await fresh()
      const a = await store.create(key('a'), object(key('a')))
      await store.update(key('a'), object(key('a')))
      const ops: Op[] = [
        { op: 'create', key: key('b'), value: object(key('b')) },
        { op: 'check', key: key('a'), expect: { revision: a.revision } },
      ]
      await expect(store.transact(ops)).rejects.toEqual(refusal('conflict'))
      expect(await store.get(key('b'))).toBeNull()
    })

    test(`${MAX_OPS} operations pass, one more is refused, and none is nothing`, async () => {
      const { store } = await fresh()
      const ops = Array.from({ length: MAX_OPS + 1 }, (_, n): Op => {
        return { op: 'create', key: key(`n${n}`), value: object(key(`n${n}`)) }
      })
      await expect(store.transact(ops)).rejects.toEqual(refusal('too-many'))
      expect(await store.transact(ops.slice(1))).toHaveLength(MAX_OPS)
      expect(await store.transact([])).toEqual([])
    })

    test('an object is named once per transaction', async () => {
      const { store } = await fresh()
      const ops: Op[] = [
        { op: 'create', key: key('a'), value: object(key('a')) },
        { op: 'delete', key: key('a') },
      ]
      await expect(store.transact(ops)).rejects.toThrow('at most once')
      expect(await store.get(key('a'))).toBeNull()
    })

    test('one that fails does not fail those asked for in the same turn', async () => {
      const { store } = await fresh()
      await store.create(key('taken'), object(key('taken')))
      const results = await Promise.allSettled([
        store.create(key('a'), object(key('a'))),
        store.create(key('taken'), object(key('taken'))),
        store.transact([{ op: 'create', key: key('b'), value: object(key('b')) }]),
        store.update(key('a'), object(key('a'), 'updated')),
      ])
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
      expect((await store.get(key('a')))?.value.spec).toBe('updated')
      expect(names(await store.list(DISKS))).toEqual(['default/a', 'default/b', 'default/taken'])
    })
  })

  describe(`${title}: lists`, () => {
    test('one resource, one namespace when given, in the order of namespace and name', async () => {
      const { store } = await fresh()
      for (const [name, namespace] of [
        ['b', 'x'],
        ['a', 'x-y'],
        ['a', 'x'],
        ['c', 'w'],
      ] as const) {
        await store.create(key(name, namespace), object(key(name, namespace)))
      }
      await store.create(key('n', '', NODES), object(key('n', '', NODES)))
      const all = await store.list(DISKS)
      expect(names(all)).toEqual(['w/c', 'x/a', 'x/b', 'x-y/a'])
      expect(all.revision).toBe(store.revision())
      expect(all.continue).toBeUndefined()
      expect(names(await store.list(DISKS, { namespace: 'x' }))).toEqual(['x/a', 'x/b'])
      expect(names(await store.list(NODES))).toEqual(['/n'])
      expect(names(await store.list('secrets'))).toEqual([])
    })

    test('every page shows the state at the first page', async () => {
      const { store } = await fresh()
      for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await store.create(key(name), object(key(name), 'old'))
      const first = await store.list(DISKS, { limit: 2 })
      expect([names(first), first.remaining]).toEqual([['default/a', 'default/b'], 4])
      await store.update(key('c'), object(key('c'), 'new'))
      await store.update(key('c'), object(key('c'), 'newer'))
      await store.delete(key('d'))
      await store.create(key('bb'), object(key('bb')))
      await store.delete(key('e'))
      await store.create(key('e'), object(key('e'), 'successor'))
      const second = await store.list(DISKS, { limit: 3, continue: first.continue ?? '' })
      expect([names(second), second.remaining]).toEqual([['default/c', 'default/d', 'default/e'], 1])
      expect(second.entries.map(({ value }) => value.spec)).toEqual(['old', 'old', 'old'])
      expect(second.entries.map(({ revision }) => revision)).toEqual([3n, 4n, 5n].map((n) => first.revision - 6n + n))
      expect(second.revision).toBe(first.revision)
      const third = await store.list(DISKS, { limit: 3, continue: second.continue ?? '' })
      expect([names(third), third.continue, third.remaining]).toEqual([['default/f'], undefined, undefined])
    })

    test('a token without a limit gives all the rest', async () => {
      const { store } = await fresh()
      for (const name of ['a', 'b', 'c']) await store.create(key(name), object(key(name)))
      const { continue: token = '' } = await store.list(DISKS, { limit: 1 })
      expect(names(await store.list(DISKS, { continue: token }))).toEqual(['default/b', 'default/c'])
    })

    test('a token is good for its own list only', async () => {
      const { store } = await fresh()
      for (const name of ['a', 'b', 'c']) await store.create(key(name), object(key(name)))
      const { continue: token = '' } = await store.list(DISKS, { limit: 1 })
      await expect(store.list(NODES, { continue: token })).rejects.toEqual(refusal('bad-token'))
      await expect(store.list(DISKS, { continue: token, namespace: 'default' })).rejects.toEqual(refusal('bad-token'))
      for (const bad of ['', 'x', '%%%', `${token.slice(0, 9)}AAAA`, 'A'.repeat(5_000)]) {
        await expect(store.list(DISKS, { continue: bad })).rejects.toEqual(refusal('bad-token'))
      }
    })

    test('a token outlives the change log only as a refusal', async () => {
      const { store, forget } = await fresh()
      for (const name of ['a', 'b', 'c']) await store.create(key(name), object(key(name)))
      const { continue: token = '' } = await store.list(DISKS, { limit: 1 })
      await store.update(key('b'), object(key('b'), 'new'))
      await forget()
      await expect(store.list(DISKS, { continue: token })).rejects.toEqual(refusal('expired'))
    })
  })

  describe(`${title}: changes`, () => {
    test('a watch gives what came after its revision, then what comes, with the values before', async () => {
      const { store } = await fresh()
      const a = await store.create(key('a'), object(key('a'), 1))
      await store.update(key('a'), object(key('a'), 2))
      const taking = take(store, 3, { resource: DISKS, after: a.revision })
      await store.create(key('b'), object(key('b'), 3))
      await store.delete(key('a'))
      const [update, create, remove] = await taking
      expect(update).toMatchObject({ type: 'put', entry: { value: { spec: 2 } }, previous: { spec: 1 } })
      expect(create).toMatchObject({ type: 'put', entry: { value: { spec: 3 } }, previous: null })
      expect(remove).toMatchObject({ type: 'delete', key: key('a'), revision: store.revision(), previous: { spec: 2 } })
    })

    test('a watch is of one resource and one namespace', async () => {
      const { store } = await fresh()
      const after = store.revision()
      await store.create(key('n', '', NODES), object(key('n', '', NODES)))
      await store.create(key('a', 'x'), object(key('a', 'x')))
      await store.create(key('a', 'y'), object(key('a', 'y')))
      await store.create(key('b', 'y'), object(key('b', 'y')))
      const ofDisks = await take(store, 3, { resource: DISKS, after })
      expect(ofDisks.map((change) => keyOf(change).namespace)).toEqual(['x', 'y', 'y'])
      const inY = await take(store, 2, { resource: DISKS, namespace: 'y', after })
      expect(inY.map((change) => keyOf(change).name)).toEqual(['a', 'b'])
    })

    test('many watchers see every change once and in order while many write', async () => {
      const { store } = await fresh()
      const after = store.revision()
      const watching = Array.from({ length: 5 }, () => take(store, 300, { resource: DISKS, after }))
      await Promise.all(
        Array.from({ length: 100 }, async (_, n) => {
          await store.create(key(`n${n}`), object(key(`n${n}`)))
          await store.update(key(`n${n}`), object(key(`n${n}`), 'second'))
          await store.delete(key(`n${n}`))
        }),
      )
      for (const changes of await Promise.all(watching)) {
        const revisions = changes.map(revisionOf)
        expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => Number(a - b)))
        expect(revisions.at(-1)).toBe(store.revision())
      }
    })

    test('what watchers may see later comes whole and in order, and subscribers hear of it at once', async () => {
      const { store } = await fresh()
      const node = key('n', '', NODES)
      await store.create(node, object(node, 0))
      await store.create(key('a'), object(key('a'), 0))
      const after = store.revision()
      const [ofDisks, ofNodes] = [
        take(store, 3, { resource: DISKS, after }),
        take(store, 2, { resource: NODES, after }),
      ]
      const heard: string[] = []
      store.subscribe((changes) => heard.push(...changes.map((change) => keyOf(change).name)))
      await turn()
      await store.transact([{ op: 'update', key: key('a'), value: object(key('a'), 1), watchWithinMs: 20 }])
      await store.transact([{ op: 'update', key: node, value: object(node, 1), watchWithinMs: 20 }])
      expect(heard).toEqual(['a', 'n'])
      await store.update(key('a'), object(key('a'), 2))
      await store.create(key('b'), object(key('b'), 3))
      await store.update(node, object(node, 2))
      const specs = (changes: readonly Change[]) =>
        changes.map((change) => (change.type === 'put' ? change.entry.value.spec : null))
      expect([specs(await ofDisks), specs(await ofNodes)]).toEqual([
        [1, 2, 3],
        [1, 2],
      ])
    })

    test('an abort ends a watch quietly, also one that waits', async () => {
      const { store } = await fresh()
      const stop = new AbortController()
      const seen: Change[] = []
      const watching = (async () => {
        for await (const change of store.watch({ resource: DISKS, after: store.revision() }, stop.signal))
          seen.push(change)
      })()
      await store.create(key('a'), object(key('a')))
      await expect.poll(() => seen.length).toBe(1)
      stop.abort()
      await watching
      await store.create(key('b'), object(key('b')))
      expect(seen).toHaveLength(1)
    })

    test('a watch from before the change log is refused, from its head it works', async () => {
      const { store, forget } = await fresh()
      await store.create(key('a'), object(key('a')))
      const before = store.revision()
      await store.update(key('a'), object(key('a'), 2))
      await forget()
      await expect(take(store, 1, { resource: DISKS, after: before - 1n })).rejects.toEqual(refusal('expired'))
      const taking = take(store, 1, { resource: DISKS, after: store.revision() })
      await store.create(key('b'), object(key('b')))
      expect(await taking).toMatchObject([{ entry: { key: key('b') } }])
    })

    test('a watch from a revision that the store never had is refused', async () => {
      const { store } = await fresh()
      const after = store.revision() + 1n
      await expect(take(store, 1, { resource: DISKS, after })).rejects.toEqual(refusal('expired'))
    })

    test('subscribers hear of a commit in order, before its writer does, and may unsubscribe', async () => {
      const { store } = await fresh()
      const heard: string[] = []
      const unsubscribe = store.subscribe((changes) => heard.push(...changes.map((change) => keyOf(change).name)))
      await store.create(key('a'), object(key('a'))).then(() => heard.push('a is written'))
      await Promise.all(['b', 'c'].map((name) => store.create(key(name), object(key(name)))))
      unsubscribe()
      await store.delete(key('a'))
      expect(heard).toEqual(['a', 'a is written', 'b', 'c'])
    })

    test('what a subscriber hears of is readable already', async () => {
      const { store } = await fresh()
      const read: Promise<unknown>[] = []
      store.subscribe(() => read.push(store.get(key('a'))))
      await store.create(key('a'), object(key('a'), 7))
      expect(await Promise.all(read)).toMatchObject([{ value: { spec: 7 } }])
    })
  })

  describe(`${title}: close`, () => {
    test('what was asked for is committed, everything later is refused, watches end', async () => {
      const { store } = await fresh()
      const watching = take(store, 5, { resource: DISKS, after: store.revision() })
      const writing = store.create(key('a'), object(key('a')))
      const failing = expect(watching).rejects.toEqual(refusal('unavailable'))
      await store.close()
      expect((await writing).key).toEqual(key('a'))
      await failing
      await expect(store.get(key('a'))).rejects.toEqual(refusal('unavailable'))
      await expect(store.create(key('b'), object(key('b')))).rejects.toEqual(refusal('unavailable'))
      await store.close()
    })
  })

  modelContract(title, fresh)
}
