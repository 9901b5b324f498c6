// Server-side apply as a pure function: what managers apply, in any order and number, and what becomes of the object.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../../../lib/apiserver/core/json.ts'
import { encodeFields } from '../../../../../lib/apiserver/fields/codec.ts'
import { allFields, allFieldsText, compare, namedFields, written } from '../../../../../lib/apiserver/fields/compare.ts'
import {
  afterApply,
  afterCreate,
  afterUpdate,
  fieldsOf,
  type Managers,
  ownable,
  ownership,
  type Writer,
} from '../../../../../lib/apiserver/fields/managers.ts'
import { mergeApplied, removeUnwanted } from '../../../../../lib/apiserver/fields/merge.ts'
import { isEmpty, pathTexts, union } from '../../../../../lib/apiserver/fields/set.ts'

const text = { type: 'string' }
const SCHEMA: JsonObject = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        a: text,
        b: text,
        map: { type: 'object', additionalProperties: text },
        list: { type: 'array', items: text },
        set: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
        items: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: { type: 'object', properties: { name: text, x: text, y: text } },
        },
        whole: { type: 'object', additionalProperties: text, 'x-kubernetes-map-type': 'atomic' },
      },
    },
  },
}

interface State {
  readonly object: JsonObject
  readonly managers: Managers
}

const NOTHING: State = { object: {}, managers: [] }
const by = (manager: string): Writer => ({ manager, apiVersion: 'v1', time: '2026-01-01T00:00:00Z', own: false })

/** As the server does it, without its rules and defaults. */
function apply(
  { object, managers }: State,
  manager: string,
  config: JsonObject,
): State & { readonly conflicts: string[] } {
  const { last, wanted, keep } = ownership(managers, by(manager), SCHEMA, config)
  const after = removeUnwanted(SCHEMA, mergeApplied(SCHEMA, object, config) as JsonObject, last, keep)
  const result = afterApply(managers, by(manager), wanted, { schema: SCHEMA, before: object, after })
  const conflicts = result.conflicts.flatMap(({ entry, fields }) =>
    pathTexts(fields).map((path) => `${entry.manager}: ${path}`),
  )
  return { object: after, managers: result.managers, conflicts }
}

function update({ object, managers }: State, manager: string, after: JsonObject): State {
  return { object: after, managers: afterUpdate(managers, by(manager), { schema: SCHEMA, before: object, after }) }
}

const owned = ({ managers }: State, manager: string): readonly string[] =>
  managers.filter((entry) => entry.manager === manager).flatMap((entry) => pathTexts(fieldsOf(entry)))

const value = fc.constantFrom('1', '2', '3')
const names = (prefix: string) => fc.constantFrom(`${prefix}1`, `${prefix}2`, `${prefix}3`)
/** Configurations whose names begin with `prefix`, so that two of different prefixes have no field in common. */
const config = (prefix: string): fc.Arbitrary<JsonObject> =>
  fc
    .record(
      {
        map: fc.dictionary(names(prefix), value, { maxKeys: 3 }),
        set: fc.uniqueArray(names(prefix), { maxLength: 3 }),
        items: fc.uniqueArray(fc.record({ name: names(prefix), x: value, y: value }, { requiredKeys: ['name'] }), {
          selector: ({ name }) => name,
          maxLength: 3,
        }),
        [prefix]: value,
      },
      { requiredKeys: [] },
    )
    .map((spec) => ({ spec: plain(spec) }))

const plain = (spec: object): JsonObject => JSON.parse(JSON.stringify(spec)) as JsonObject
const any = config('a')
/** Comparable whatever the order of lists by key and of fields. */
const sorted = (object: JsonObject): unknown => {
  const order = (item: unknown): unknown => {
    if (Array.isArray(item)) return item.map(order).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
    if (typeof item !== 'object' || item === null) return item
    return Object.fromEntries(
      Object.entries(item)
        .map(([key, each]) => [key, order(each)] as const)
        // What is left of a field whose parts all went is nothing.
        .filter(([, each]) => typeof each !== 'object' || each === null || Object.keys(each).length > 0)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    )
  }
  return order(object)
}

describe('apply', () => {
  it('is idempotent', () => {
    fc.assert(
      fc.property(any, any, (first, second) => {
        const once = apply(apply(NOTHING, 'one', first), 'one', second)
        const twice = apply(once, 'one', second)
        expect(twice.object).toEqual(once.object)
        expect(twice.managers).toBe(once.managers)
        expect(twice.conflicts).toEqual([])
      }),
    )
  })

  it('leaves what its only manager applied last, whatever came before', () => {
    fc.assert(
      fc.property(fc.array(any, { maxLength: 4 }), any, (before, last) => {
        const state = [...before, last].reduce((at: State, each) => apply(at, 'one', each), NOTHING)
        expect(sorted(state.object)).toEqual(sorted(last))
      }),
    )
  })

  it('commutes between managers of disjoint fields, without conflicts', () => {
    fc.assert(
      fc.property(config('a'), config('b'), config('a'), (one, two, again) => {
        const left = apply(apply(apply(NOTHING, 'one', one), 'two', two), 'one', again)
        const right = apply(apply(apply(NOTHING, 'one', one), 'one', again), 'two', two)
        expect(left.conflicts).toEqual([])
        expect(sorted(left.object)).toEqual(sorted(right.object))
        expect([...owned(left, 'one')].sort()).toEqual([...owned(right, 'one')].sort())
        expect([...owned(left, 'two')].sort()).toEqual([...owned(right, 'two')].sort())
      }),
    )
  })

  it('never takes away what another manager still applies', () => {
    fc.assert(
      fc.property(any, any, any, (one, two, less) => {
        const shared = apply(apply(NOTHING, 'one', one), 'two', two)
        const { object } = apply(shared, 'one', less)
        // Where "one" applies no other value, what "two" applies is there.
        const merged = mergeApplied(SCHEMA, two, less) as JsonObject
        expect(isEmpty(compare(SCHEMA, merged, mergeApplied(SCHEMA, object, merged)).added)).toBe(true)
      }),
    )
  })

  it('conflicts exactly where another owner would see another value', () => {
    const one = apply(NOTHING, 'one', { spec: { a: '1', b: '1', list: ['x'], items: [{ name: 'i', x: '1' }] } })
    const two = apply(one, 'two', {
      spec: { a: '1', b: '2', list: ['x', 'y'], items: [{ name: 'i', x: '2', y: '2' }, { name: 'j' }], set: ['s'] },
    })
    expect(two.conflicts).toEqual(['one: .spec.b', 'one: .spec.items[name="i"].x', 'one: .spec.list'])
    expect(owned(two, 'one')).toEqual(['.spec.a', '.spec.items[name="i"]', '.spec.items[name="i"].name'])
  })

  it('shares what two apply alike, until the last of them lets go', () => {
    const shared = apply(apply(NOTHING, 'one', { spec: { a: '1', b: '1' } }), 'two', { spec: { a: '1' } })
    const less = apply(shared, 'one', { spec: { b: '1' } })
    expect(less.object).toEqual({ spec: { a: '1', b: '1' } })
    expect(apply(less, 'two', { spec: {} }).object).toEqual({ spec: { b: '1' } })
  })

  it('keeps an item of a list, and its keys, for as long as anybody has a field in it', () => {
    const one = apply(NOTHING, 'one', { spec: { items: [{ name: 'i', x: '1' }] } })
    const two = update(one, 'two', { spec: { items: [{ name: 'i', x: '1', y: '2' }] } })
    expect(apply(two, 'one', { spec: {} }).object).toEqual({ spec: { items: [{ name: 'i', y: '2' }] } })
    expect(apply(one, 'one', {}).object).toEqual({})
  })

  it('takes atomic maps and plain lists as a whole', () => {
    const one = apply(NOTHING, 'one', { spec: { whole: { a: '1', b: '1' }, list: ['a', 'b'] } })
    expect(apply(one, 'one', { spec: { whole: { a: '1' }, list: ['b'] } }).object).toEqual({
      spec: { whole: { a: '1' }, list: ['b'] },
    })
    expect(apply(one, 'two', { spec: { whole: { c: '1' } } }).conflicts).toEqual(['one: .spec.whole'])
  })

  it('takes a list that breaks its own rule as a whole instead of failing', () => {
    const twins = {
      spec: {
        items: [
          { name: 'i', x: '1' },
          { name: 'i', x: '2' },
        ],
      },
    }
    expect(pathTexts(namedFields(SCHEMA, twins))).toEqual(['.spec.items'])
    expect(apply(apply(NOTHING, 'one', twins), 'one', { spec: { a: '1' } }).object).toEqual({ spec: { a: '1' } })
  })
})

describe('other writes', () => {
  it('own what they change and nothing else; who had it loses it', () => {
    const one = apply(NOTHING, 'one', { spec: { a: '1', b: '1', map: { x: '1' } } })
    const two = update(one, 'two', { spec: { a: '2', map: { x: '1', y: '1' } } })
    expect(owned(two, 'one')).toEqual(['.spec.map.x'])
    expect(owned(two, 'two')).toEqual(['.spec.a', '.spec.map.y'])
  })

  it('leave every field of a created object with exactly one owner', () => {
    fc.assert(
      fc.property(any, any, any, (first, second, third) => {
        const created: State = { object: first, managers: afterCreate(by('one'), SCHEMA, first) }
        const state = update(update(created, 'two', second), 'three', third)
        const all = state.managers.map(fieldsOf).reduce(union, fieldsOf({ ...entry, fields: '{}' }))
        expect(pathTexts(all)).toEqual(pathTexts({ ...allFields(SCHEMA, third), self: false }))
        const paths = state.managers.flatMap((each) => pathTexts(fieldsOf(each)))
        expect(new Set(paths).size).toBe(paths.length)
      }),
    )
  })

  it('begin with a record of all fields that can have an owner', () => {
    const meta = fc.record(
      {
        name: value,
        uid: value,
        labels: fc.dictionary(names('l'), value, { maxKeys: 2 }),
        finalizers: fc.uniqueArray(names('f'), { maxLength: 2 }),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(any, fc.option(meta), fc.option(value), (spec, metadata, data) => {
        const object = plain({
          apiVersion: 'v1',
          kind: 'One',
          ...spec,
          ...(metadata === null ? {} : { metadata }),
          ...(data === null ? {} : { data }),
        })
        const [record] = afterCreate(by('one'), SCHEMA, object)
        const set = ownable(allFields(SCHEMA, object))
        expect(record?.fields).toBe(isEmpty(set) ? undefined : JSON.stringify(encodeFields(set)))
      }),
    )
  })

  it('are recorded for ten programs; older ones are joined', () => {
    const updates = Array.from({ length: 15 }, (_, index) => index)
    const start: State = { object: { spec: {} }, managers: afterCreate(by('first'), SCHEMA, { spec: {} }) }
    const state = updates.reduce((at: State, index) => {
      const spec = { ...((at.object.spec ?? {}) as JsonObject), [`f${index}`]: '1' }
      return update(at, `m${String(index).padStart(2, '0')}`, { spec })
    }, start)
    expect(state.managers).toHaveLength(10)
    expect(owned(state, 'ancient-changes')).toContain('.spec.f0')
    expect(owned(state, 'm14')).toEqual(['.spec.f14'])
  })

  it('have all fields of a value as text that says the same', () => {
    fc.assert(
      fc.property(any, (value) => {
        expect(allFieldsText(SCHEMA, value)).toBe(JSON.stringify(encodeFields(allFields(SCHEMA, value))))
      }),
    )
  })

  it('find every difference between two values', () => {
    fc.assert(
      fc.property(any, any, (before, after) => {
        const changes = compare(SCHEMA, before, after)
        const kept = removeUnwanted(SCHEMA, before, changes.removed, written(changes))
        expect(sorted(mergeApplied(SCHEMA, kept, after) as JsonObject)).toEqual(sorted(after))
      }),
    )
  })
})

const entry = { manager: 'none', operation: 'Update', apiVersion: 'v1' } as const
