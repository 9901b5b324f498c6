import fc from 'fast-check'
import { expect, test } from 'vitest'
import { deepFreeze, frozenPlain } from '../../../../lib/store/frozen.ts'

const asJson = (value: unknown): unknown => {
  const text = JSON.stringify(value) as string | undefined
  return text === undefined ? undefined : JSON.parse(text)
}

function isFrozen(value: unknown): boolean {
  return typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen))
}

/** Frozen here and there, at whatever depth. */
const partlyFrozen = fc
  .tuple(fc.object({ withDate: true, withNullPrototype: true, maxDepth: 4 }), fc.infiniteStream(fc.boolean()))
  .map(([root, draws]) => {
    const freeze = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return
      Object.values(value).forEach(freeze)
      if (draws.next().value === true) Object.freeze(value)
    }
    freeze(root)
    return root
  })

test('it is what JSON makes of the value, keys in their order, and nothing of it can be changed', () => {
  fc.assert(
    fc.property(partlyFrozen, (value) => {
      const made = frozenPlain(value)
      expect(JSON.stringify(made)).toBe(JSON.stringify(value))
      expect(made).toEqual(asJson(value))
      expect(isFrozen(made)).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})

test.each([
  ['undefined', { a: undefined, b: [undefined, 1] }],
  ['what is no number', { a: Number.NaN, b: [Number.POSITIVE_INFINITY, -0] }],
  ['a date', { at: new Date(0) }],
  ['functions and symbols', { a: () => 1, b: [Symbol('s')], c: 1 }],
  ['holes', { list: Object.freeze(Object.assign(new Array(3), { 1: 'in the middle' })) }],
  ['a key that is a trap', JSON.parse('{"a":{"__proto__":{"b":1}}}')],
  ['undefined in what is frozen', Object.freeze({ a: 1, b: undefined, c: Object.freeze([undefined]) })],
])('%s becomes what JSON makes of it', (_, value) => {
  const made = frozenPlain(value)
  expect(JSON.stringify(made)).toBe(JSON.stringify(value))
  expect(made).toEqual(asJson(value))
  expect(isFrozen(made)).toBe(true)
})

test('what is frozen already is taken as it is, what is not is copied', () => {
  const spec = deepFreeze({ cpu: { cores: 1 }, list: [{ a: 1 }] })
  const mine = { phase: 'Running', list: [1] }
  const made = frozenPlain({ spec, status: mine })
  expect(made.spec).toBe(spec)
  expect(made.status).not.toBe(mine)
  mine.list.push(2)
  expect(made.status).toEqual({ phase: 'Running', list: [1] })
  const shallow = Object.freeze({ spec, open: { a: 1 } })
  const again = frozenPlain(shallow)
  expect(again.spec).toBe(spec)
  shallow.open.a = 2
  expect(again.open).toEqual({ a: 1 })
  expect(frozenPlain(made)).toBe(made)
})
