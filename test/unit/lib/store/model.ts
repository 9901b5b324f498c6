// A store against the simplest thing that could be one, a map, under any sequence of transactions.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../../../../lib/object.ts'
import { keyOf, revisionOf } from '../../../../lib/store/change.ts'
import { type Op, type Store, StoreError, type StoreErrorCode } from '../../../../lib/store/store.ts'
import { type Driver, key, object } from './fixtures.ts'

export function modelContract(title: string, fresh: () => Promise<Driver>): void {
  describe(`${title}: against a model`, () => {
    const NAMES = ['a', 'b', 'c', 'd'] as const
    const arbitraryOp = fc.record({
      op: fc.constantFrom('create', 'update', 'delete', 'check'),
      name: fc.constantFrom(...NAMES),
      spec: fc.nat(9),
      /** How the expectation relates to the truth. */
      expects: fc.constantFrom('nothing', 'truth', 'other revision', 'other uid'),
    })
    type Wish = typeof arbitraryOp extends fc.Arbitrary<infer T> ? T : never
    type Model = Map<string, { readonly uid: string; readonly revision: bigint; readonly spec: unknown }>

    function toOp(wish: Wish, model: Model, serial: number): Op {
      const target = key(wish.name)
      const known = model.get(wish.name)
      const value = object(target, wish.spec, known?.uid ?? `uid-${serial}`)
      const truth = known === undefined ? {} : { revision: known.revision, uid: known.uid }
      const wrong = wish.expects === 'other uid' ? { uid: 'nobody' } : { revision: (known?.revision ?? 0n) + 1_000n }
      const expected = wish.expects === 'nothing' ? {} : wish.expects === 'truth' ? truth : wrong
      if (wish.op === 'create') return { op: 'create', key: target, value }
      if (wish.op === 'update') return { op: 'update', key: target, value, expect: expected }
      return { op: wish.op as 'delete' | 'check', key: target, expect: expected }
    }

    /** What the store must answer: the code of the first operation that fails, or null. */
    function verdict(wishes: readonly Wish[], model: Model): StoreErrorCode | null {
      for (const { op, name, expects } of wishes) {
        const known = model.has(name)
        if (op === 'create') {
          if (known) return 'exists'
        } else if (!known) return 'not-found'
        else if (expects.startsWith('other')) return 'conflict'
      }
      return null
    }

    test('any sequence of transactions has the answers and the state of a map, and the log replays to it', async () => {
      const { store } = await fresh()
      let round = 0
      const transactions = fc.array(
        fc.uniqueArray(arbitraryOp, { minLength: 1, maxLength: 3, selector: ({ name }) => name }),
        {
          maxLength: 25,
        },
      )
      await fc.assert(
        fc.asyncProperty(transactions, fc.integer({ min: 1, max: 3 }), async (script, limit) => {
          // Each run has a resource of its own, in place of a new store.
          const resource = `resource-${round++}`
          const inRun = (op: Op): Op => ({ ...op, key: { ...op.key, resource } })
          const model: Model = new Map()
          const start = store.revision()
          const marks: { token: string; rest: readonly string[] }[] = []
          for (const [serial, wishes] of script.entries()) {
            const ops = wishes.map((wish) => inRun(toOp(wish, model, serial)))
            const expected = verdict(wishes, model)
            const got = await store.transact(ops).then(
              (entries) => ({ entries }),
              (error: unknown) => ({ error }),
            )
            if ('error' in got) {
              expect(got.error).toBeInstanceOf(StoreError)
              expect((got.error as StoreError).code).toBe(expected)
            } else {
              expect(expected).toBeNull()
              for (const [index, op] of ops.entries()) {
                const entry = got.entries[index]
                if (op.op === 'delete') model.delete(op.key.name)
                if (entry === null || entry === undefined) continue
                model.set(op.key.name, {
                  uid: entry.value.metadata.uid,
                  revision: entry.revision,
                  spec: entry.value.spec,
                })
              }
            }
            const listed = await store.list(resource)
            expect(listed.entries.map(({ key: { name }, revision, value }) => [name, revision, value.spec])).toEqual(
              [...model]
                .sort(([a], [b]) => (a < b ? -1 : 1))
                .map(([name, { revision, spec }]) => [name, revision, spec]),
            )
            const page = await store.list(resource, { limit })
            const rest = listed.entries.slice(limit).map(({ value }) => JSON.stringify(value))
            if (page.continue !== undefined) marks.push({ token: page.continue, rest })
          }
          for (const { token, rest } of marks) {
            const { entries } = await store.list(resource, { continue: token })
            expect(entries.map(({ value }) => JSON.stringify(value))).toEqual(rest)
          }
          await expectReplay(store, resource, start, model)
        }),
        { numRuns: 60 },
      )
    })

    /** The changes since `start`, applied to nothing, make the model; each one's previous value is the one before it. */
    async function expectReplay(store: Store, resource: string, start: bigint, model: Model): Promise<void> {
      const fence = await store.create(key('zz-fence', 'default', resource), object(key('zz-fence')))
      const state = new Map<string, KubeObject>()
      const stop = new AbortController()
      for await (const change of store.watch({ resource, after: start }, stop.signal)) {
        if (revisionOf(change) === fence.revision) break
        const { name } = keyOf(change)
        expect(change.previous).toEqual(state.get(name) ?? null)
        if (change.type === 'put') state.set(name, change.entry.value)
        else state.delete(name)
      }
      expect([...state].map(([name, { spec }]) => [name, spec]).sort()).toEqual(
        [...model].map(([name, { spec }]) => [name, spec]).sort(),
      )
    }
  })
}
