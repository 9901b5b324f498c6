// JSON patch against RFC 6902, and against mischief.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyJsonPatch } from '../../../../../lib/apiserver/patch/json-patch.ts'
import { ApiError } from '../../../../../lib/errors.ts'

const document = { a: { b: [1, 2, 3] }, 'x/y': 1, 'm~n': 2, c: null }

describe('applies', () => {
  it.each([
    [[{ op: 'add', path: '/d', value: 1 }], { ...document, d: 1 }],
    [[{ op: 'add', path: '/a/b/1', value: 9 }], { ...document, a: { b: [1, 9, 2, 3] } }],
    [[{ op: 'add', path: '/a/b/-', value: 9 }], { ...document, a: { b: [1, 2, 3, 9] } }],
    [[{ op: 'add', path: '/a/b/3', value: 9 }], { ...document, a: { b: [1, 2, 3, 9] } }],
    [[{ op: 'remove', path: '/a/b/0' }], { ...document, a: { b: [2, 3] } }],
    [[{ op: 'replace', path: '/x~1y', value: 5 }], { ...document, 'x/y': 5 }],
    [[{ op: 'replace', path: '/m~0n', value: 5 }], { ...document, 'm~n': 5 }],
    [[{ op: 'move', from: '/a/b/0', path: '/a/b/2' }], { ...document, a: { b: [2, 3, 1] } }],
    [[{ op: 'copy', from: '/a/b', path: '/d' }], { ...document, d: [1, 2, 3] }],
    [[{ op: 'test', path: '/c', value: null }], document],
    [[{ op: 'test', path: '/a', value: { b: [1, 2, 3] } }], document],
    [[{ op: 'replace', path: '', value: { z: 1 } }], { z: 1 }],
    [[], document],
  ])('%j', (patch, expected) => {
    expect(applyJsonPatch(document, patch)).toEqual(expected)
  })
})

describe('refuses', () => {
  it.each([
    [{}, 'BadRequest'],
    [[1], 'BadRequest'],
    [[{ op: 'jump', path: '/a' }], 'BadRequest'],
    [[{ op: 'add', path: 'a', value: 1 }], 'BadRequest'],
    [[{ op: 'add', path: '/a' }], 'BadRequest'],
    [[{ op: 'add', path: '/a~2', value: 1 }], 'BadRequest'],
    [[{ op: 'add', path: '/__proto__/x', value: 1 }], 'BadRequest'],
    [[{ op: 'add', path: '/constructor/prototype/x', value: 1 }], 'Invalid'],
    [[{ op: 'replace', path: '/absent', value: 1 }], 'Invalid'],
    [[{ op: 'remove', path: '/absent' }], 'Invalid'],
    [[{ op: 'remove', path: '' }], 'Invalid'],
    [[{ op: 'remove', path: '/a/b/-' }], 'Invalid'],
    [[{ op: 'add', path: '/a/b/4', value: 1 }], 'Invalid'],
    [[{ op: 'add', path: '/a/b/01', value: 1 }], 'Invalid'],
    [[{ op: 'add', path: '/absent/x', value: 1 }], 'Invalid'],
    [[{ op: 'add', path: '/x~1y/z', value: 1 }], 'Invalid'],
    [[{ op: 'move', from: '/a', path: '/a/b/0' }], 'Invalid'],
    [[{ op: 'test', path: '/c', value: 0 }], 'Invalid'],
    [[{ op: 'replace', path: '', value: 3 }], 'Invalid'],
    [Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/c', value: null })), 'RequestEntityTooLarge'],
  ])('%.80j', (patch, reason) => {
    expect(() => applyJsonPatch(document, patch)).toThrow(expect.objectContaining({ reason }))
  })

  it('copies that double', () => {
    const patch = Array.from({ length: 40 }, (_, index) => ({ op: 'copy', from: '', path: `/k${index}` }))
    expect(() => applyJsonPatch({ big: 'x'.repeat(1000) }, patch)).toThrow('copies too much')
  })
})

it('changes nothing of what it was given, whatever the patch', () => {
  const path = fc.constantFrom('', '/a', '/a/b', '/a/b/0', '/a/b/-', '/x~1y', '/new', '/c/d')
  const operation = fc.record({
    op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'),
    path,
    from: path,
    value: fc.jsonValue({ maxDepth: 2 }).filter((value) => !JSON.stringify(value).includes('__proto__')),
  })
  const before = JSON.stringify(document)
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 6 }), (patch) => {
      const frozen = JSON.stringify(patch)
      try {
        applyJsonPatch(document, patch)
      } catch (error) {
        expect(error).toBeInstanceOf(ApiError)
      }
      expect(JSON.stringify(document)).toBe(before)
      expect(JSON.stringify(patch)).toBe(frozen)
    }),
  )
})

it.each(['copy', 'test'])('does not go down into what moves have piled up: %s', (op) => {
  const depth = 60
  const nested = JSON.parse(`${'{"x":'.repeat(depth)}{}${'}'.repeat(depth)}`)
  const pile = Array.from({ length: 500 }, () => [
    { op: 'add', path: '/b', value: nested },
    { op: 'move', from: '/a', path: `/b${'/x'.repeat(depth)}/x` },
    { op: 'move', from: '/b', path: '/a' },
  ]).flat()
  const last = op === 'copy' ? { op, from: '/a', path: '/c' } : { op, path: '/a', value: {} }
  expect(() => applyJsonPatch({ a: {} }, [...pile, last])).toThrow('nested deeper than 64 levels')
})
