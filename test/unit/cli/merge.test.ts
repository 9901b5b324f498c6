// The three-way merge as a table, and as a law.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Fields, threeWayPatch } from '../../../cli/apply/merge.ts'
import { applyMergePatch as mergePatch } from '../../../lib/apiserver/patch/merge-patch.ts'

const rows: readonly (readonly [string, Fields, Fields, Fields, Fields])[] = [
  ['nothing to do', { a: 1 }, { a: 1 }, { a: 1, b: 2 }, {}],
  ['a new field', {}, { a: 1 }, {}, { a: 1 }],
  ['a changed field', { a: 1 }, { a: 2 }, { a: 1 }, { a: 2 }],
  ['a field that drifted comes back', { a: 1 }, { a: 1 }, { a: 9 }, { a: 1 }],
  ['a field that went', { a: 1, b: 2 }, { a: 1 }, { a: 1, b: 2 }, { b: null }],
  ['a field that went and is gone already', { a: 1, b: 2 }, { a: 1 }, { a: 1 }, {}],
  ['a field of someone else stays', { a: 1 }, { a: 1 }, { a: 1, theirs: { x: 1 } }, {}],
  ['deep fields', { s: { a: 1, b: 2 } }, { s: { a: 5 } }, { s: { a: 1, b: 2, c: 3 } }, { s: { a: 5, b: null } }],
  ['lists are one value', { l: [1, 2] }, { l: [1] }, { l: [1, 2] }, { l: [1] }],
  ['an object in place of a text', { a: 'x' }, { a: { b: 1 } }, { a: 'x' }, { a: { b: 1 } }],
  ['a text in place of an object', { a: { b: 1 } }, { a: 'x' }, { a: { b: 1 } }, { a: 'x' }],
  ['null removes', {}, { a: null }, { a: 1 }, { a: null }],
  ['null of what is not there', {}, { a: null }, {}, {}],
  ['null within something new', {}, { a: { b: null, c: 1 } }, {}, { a: { c: 1 } }],
  ['a whole object that went', { s: { a: 1 } }, {}, { s: { a: 1, theirs: 2 } }, { s: null }],
]

it.each(rows)('%s', (_, last, wanted, live, patch) => {
  expect(threeWayPatch(last, wanted, live)).toEqual(patch)
})

const tree = fc.letrec<{ value: unknown; node: Fields }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.integer({ min: 0, max: 3 }),
    fc.constantFrom('x', 'y'),
    fc.array(fc.integer({ max: 2, min: 0 }), { maxLength: 2 }),
    tie('node'),
  ),
  node: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3 }) as fc.Arbitrary<Fields>,
})).node

it('after the patch the object has all that is wanted, and a second merge has nothing to do', () => {
  fc.assert(
    fc.property(tree, tree, tree, (last, wanted, live) => {
      const after = mergePatch(live, threeWayPatch(last, wanted, live)) as Fields
      expect(after).toMatchObject(wanted)
      expect(threeWayPatch(wanted, wanted, after)).toEqual({})
    }),
  )
})
