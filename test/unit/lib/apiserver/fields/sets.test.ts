// Sets of field paths: their algebra, their form on the wire, their text.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeFields, encodeFields } from '../../../../../lib/apiserver/fields/codec.ts'
import {
  difference,
  EMPTY,
  equal,
  type FieldSet,
  intersection,
  isEmpty,
  LEAF,
  nodeOf,
  pathTexts,
  setOf,
  union,
  without,
} from '../../../../../lib/apiserver/fields/set.ts'

const element = fc.constantFrom('f:a', 'f:b', 'f:__proto__', 'f:.', 'k:{"type":"Ready"}', 'v:"x"', 'v:1', 'i:0')
const node: fc.Arbitrary<FieldSet> = fc.letrec<{ node: FieldSet }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant(LEAF),
    fc
      .tuple(fc.boolean(), fc.array(fc.tuple(element, tie('node')), { maxLength: 3 }))
      .map(([self, children]) => nodeOf(self, children)),
  ),
})).node
/** The root itself is no field. */
const set = node.map(({ children }) => nodeOf(false, children))
const same = (a: FieldSet, b: FieldSet) => expect(pathTexts(a)).toEqual(pathTexts(b))

describe('the algebra', () => {
  it('is one of sets', () => {
    fc.assert(
      fc.property(set, set, set, (a, b, c) => {
        same(union(a, b), union(b, a))
        same(union(a, union(b, c)), union(union(a, b), c))
        same(union(a, a), a)
        same(intersection(a, b), intersection(b, a))
        same(union(difference(a, b), intersection(a, b)), a)
        expect(isEmpty(intersection(difference(a, b), b))).toBe(true)
        same(difference(a, EMPTY), a)
        expect(equal(a, b)).toBe(JSON.stringify(pathTexts(a)) === JSON.stringify(pathTexts(b)))
      }),
    )
  })

  it('has no nodes without paths', () => {
    const full = (node: FieldSet): boolean =>
      [...node.children.values()].every((child) => !isEmpty(child) && full(child))
    fc.assert(
      fc.property(set, set, (a, b) => {
        for (const made of [union(a, b), intersection(a, b), difference(a, b)]) expect(full(made)).toBe(true)
      }),
    )
  })

  it('takes subtrees out', () => {
    const all = decodeFields({ 'f:a': { '.': {}, 'f:b': {}, 'f:c': { 'f:d': {} } }, 'f:e': {} }) ?? EMPTY
    expect(encodeFields(without(all, setOf([['f:a', 'f:c'], ['f:e'], ['f:x', 'f:y']])))).toEqual({
      'f:a': { '.': {}, 'f:b': {} },
    })
  })
})

describe('fieldsV1', () => {
  it('reads what it writes, and writes equal sets equally', () => {
    fc.assert(
      fc.property(set, set, (a, b) => {
        same(decodeFields(JSON.parse(JSON.stringify(encodeFields(a)))) ?? LEAF, a)
        if (equal(a, b)) expect(JSON.stringify(encodeFields(a))).toBe(JSON.stringify(encodeFields(b)))
      }),
    )
  })

  it('looks as Kubernetes writes it', () => {
    const text = {
      'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} }, 'f:finalizers': { '.': {}, 'v:"x/y"': {} } },
      'f:status': { 'f:conditions': { 'k:{"type":"Ready"}': { '.': {}, 'f:status': {} } } },
    }
    const set = decodeFields(text) ?? EMPTY
    expect(encodeFields(set)).toEqual(text)
    expect(pathTexts(set)).toEqual([
      '.metadata.finalizers',
      '.metadata.finalizers[="x/y"]',
      '.metadata.labels',
      '.metadata.labels.app',
      '.status.conditions[type="Ready"]',
      '.status.conditions[type="Ready"].status',
    ])
  })

  it('brings the keys of items into order', () => {
    const set = decodeFields({ 'k:{"b":1,"a":"x"}': {} }) ?? EMPTY
    expect([...set.children.keys()]).toEqual(['k:{"a":"x","b":1}'])
  })

  it.each([
    [null],
    ['f:a'],
    [[]],
    [{ a: {} }],
    [{ 'f:a': 1 }],
    [{ 'k:[]': {} }],
    [{ 'k:{}': {} }],
    [{ 'v:': {} }],
    [{ 'i:-1': {} }],
    [{ 'i:x': {} }],
  ])('does not take %j', (value) => expect(decodeFields(value)).toBeNull())
})
