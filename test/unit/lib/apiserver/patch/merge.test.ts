// Merge patches: plain (the table of RFC 7386) and strategic.
import { describe, expect, it } from 'vitest'
import { applyMergePatch } from '../../../../../lib/apiserver/patch/merge-patch.ts'
import { applyStrategicMerge } from '../../../../../lib/apiserver/patch/strategic-merge.ts'

describe('merge patch', () => {
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [{}, { toString: { a: 1 } }, { toString: { a: 1 } }],
  ])('%j + %j', (document, patch, expected) => {
    const before = JSON.stringify(document)
    expect(applyMergePatch(document, patch)).toEqual(expected)
    expect(JSON.stringify(document)).toBe(before)
  })
})

describe('strategic merge patch', () => {
  it.each([
    ['maps merge', { a: { x: 1, y: 2 } }, { a: { y: null, z: 3 } }, { a: { x: 1, z: 3 } }],
    ['lists replace', { taints: [1, 2] }, { taints: [3] }, { taints: [3] }],
    ['finalizers join', { finalizers: ['a'] }, { finalizers: ['b', 'a'] }, { finalizers: ['a', 'b'] }],
    [
      'conditions merge by type',
      {
        conditions: [
          { type: 'A', status: '1', message: 'm' },
          { type: 'B', status: '1' },
        ],
      },
      {
        conditions: [
          { type: 'A', status: '2' },
          { type: 'C', status: '3' },
        ],
      },
      {
        conditions: [
          { type: 'A', status: '2', message: 'm' },
          { type: 'B', status: '1' },
          { type: 'C', status: '3' },
        ],
      },
    ],
    [
      'items go by $patch: delete',
      { ownerReferences: [{ uid: '1' }, { uid: '2' }] },
      { ownerReferences: [{ uid: '1', $patch: 'delete' }] },
      { ownerReferences: [{ uid: '2' }] },
    ],
    [
      'lists are replaced by $patch: replace',
      { conditions: [{ type: 'A' }] },
      { conditions: [{ $patch: 'replace' }, { type: 'B' }] },
      { conditions: [{ type: 'B' }] },
    ],
    ['maps are replaced', { a: { x: 1 } }, { a: { $patch: 'replace', y: 2 } }, { a: { y: 2 } }],
    ['maps are deleted', { a: { x: 1 }, b: 1 }, { a: { $patch: 'delete' } }, { b: 1 }],
    ['keys are retained', { a: { x: 1, y: 2 } }, { a: { $retainKeys: ['y', 'z'], z: 3 } }, { a: { y: 2, z: 3 } }],
    [
      'plain values go',
      { finalizers: ['a', 'b', 'c'] },
      { '$deleteFromPrimitiveList/finalizers': ['b'] },
      { finalizers: ['a', 'c'] },
    ],
    [
      'order is set',
      { conditions: [{ type: 'A' }, { type: 'B' }] },
      { '$setElementOrder/conditions': [{ type: 'B' }, { type: 'A' }] },
      { conditions: [{ type: 'B' }, { type: 'A' }] },
    ],
    ['what is absent is made', {}, { a: { b: null, c: { d: 1 } } }, { a: { c: { d: 1 } } }],
  ])('%s', (_name, document, patch, expected) => {
    const before = JSON.stringify(document)
    expect(applyStrategicMerge(document, patch)).toEqual(expected)
    expect(JSON.stringify(document)).toBe(before)
  })

  it.each([
    [{ a: { $patch: 'explode' } }, '$patch must be'],
    [{ $mystery: 1 }, 'not known'],
    [{ conditions: ['x'] }, 'must be objects'],
    [{ conditions: [{ status: 'x' }] }, 'has no type'],
  ])('refuses %j', (patch, words) => {
    expect(() => applyStrategicMerge({ a: {} }, patch)).toThrow(words)
  })
})
