// Protobuf bodies: bytes as kubectl sends them, built here field by field, and everything broken that can come instead.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseProtobuf } from '../../../../../lib/apiserver/http/protobuf.ts'
import { isApiError } from '../../../../../lib/errors.ts'

type Bytes = readonly number[]
const bytes = (field: number, content: Bytes | string): Bytes => {
  const body = typeof content === 'string' ? [...Buffer.from(content)] : content
  return [...varint((field << 3) | 2), ...varint(body.length), ...body]
}
const number = (field: number, value: number): Bytes => [field << 3, ...varint(value)]
const varint = (value: number): Bytes =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 0x80))]
const entry = (key: string, value: string) => [...bytes(1, key), ...bytes(2, value)]

const document = (apiVersion: string, kind: string, ...raw: Bytes[]) =>
  Buffer.from([
    ...Buffer.from('k8s\0'),
    ...bytes(1, [...bytes(1, apiVersion), ...bytes(2, kind)]),
    ...bytes(2, raw.flat()),
    ...bytes(3, ''),
    ...bytes(4, ''),
  ])

/** As Go writes it: empty texts, an empty creation time, a zero generation. */
const METADATA = bytes(1, [
  ...bytes(1, 'one'),
  ...bytes(2, ''),
  ...bytes(3, ''),
  ...bytes(6, ''),
  ...number(7, 0),
  ...bytes(8, []),
  ...bytes(11, entry('a', '1')),
  ...bytes(11, entry('b', '')),
  ...bytes(13, [...bytes(1, 'VirtualDisk'), ...bytes(3, 'd'), ...bytes(4, 'u'), ...bytes(5, 'g/v1'), ...number(6, 1)]),
  ...bytes(14, 'x/y'),
])
const SECRET = document(
  'v1',
  'Secret',
  METADATA,
  bytes(2, entry('k', '\u0001\u0002')),
  bytes(3, 'Opaque'),
  number(5, 1),
)

describe('a protobuf body', () => {
  it('is what JSON would have said', () => {
    expect(parseProtobuf(SECRET)).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: 'one',
        labels: { a: '1', b: '' },
        ownerReferences: [{ kind: 'VirtualDisk', name: 'd', uid: 'u', apiVersion: 'g/v1', controller: true }],
        finalizers: ['x/y'],
      },
      data: { k: 'AQI=' },
      type: 'Opaque',
      immutable: true,
    })
  })

  it('reads times and owners of fields', () => {
    const managed = [
      ...bytes(1, 'kubectl'),
      ...bytes(4, number(1, 1_767_225_600)),
      ...bytes(7, bytes(1, '{"f:data":{}}')),
    ]
    const body = document(
      'v1',
      'Namespace',
      bytes(1, bytes(17, managed)),
      bytes(2, bytes(1, 'kubernetes')),
      bytes(3, []),
    )
    expect(parseProtobuf(body)).toEqual({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { managedFields: [{ manager: 'kubectl', time: '2026-01-01T00:00:00Z', fieldsV1: { 'f:data': {} } }] },
      spec: { finalizers: ['kubernetes'] },
    })
  })

  it('reads rules with empty texts in lists, which mean something', () => {
    const rule = [...bytes(1, 'get'), ...bytes(2, ''), ...bytes(3, 'secrets')]
    expect(parseProtobuf(document('rbac.authorization.k8s.io/v1', 'Role', bytes(2, rule)))).toMatchObject({
      rules: [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }],
    })
  })

  it('does not let a key reach a prototype', () => {
    const value = parseProtobuf(document('v1', 'ConfigMap', bytes(2, entry('__proto__', 'x'))))
    expect(Object.keys(value.data as object)).toEqual(['__proto__'])
    expect(({} as Record<string, unknown>).x).toBeUndefined()
  })

  it.each([
    ['no magic', Buffer.from('{}'), 'BadRequest'],
    ['nothing', Buffer.alloc(0), 'BadRequest'],
    ['an unknown kind', document('v1', 'Pod'), 'UnsupportedMediaType'],
    ['a kind named like a property', document('', 'constructor'), 'UnsupportedMediaType'],
    ['an unknown field', document('v1', 'Secret', bytes(99, '')), 'BadRequest'],
    ['a field of another type', document('v1', 'Secret', number(3, 1)), 'BadRequest'],
    ['a text that is not UTF-8', document('v1', 'Secret', bytes(3, [0xff])), 'BadRequest'],
    ['a number without end', document('v1', 'Secret', [5 << 3, ...Array<number>(20).fill(0xff)]), 'BadRequest'],
    ['a time that is none', document('v1', 'Secret', bytes(1, bytes(8, number(1, 2 ** 52)))), 'BadRequest'],
    ['fields that are not JSON', document('v1', 'Secret', bytes(1, bytes(17, bytes(7, bytes(1, '{'))))), 'BadRequest'],
  ] as const)('is refused with %s', (_what, body, reason) => {
    expect(() => parseProtobuf(body)).toThrow(expect.objectContaining({ reason }))
  })

  it('is refused when it is cut off, wherever', () => {
    for (let length = 0; length < SECRET.length; length++) {
      try {
        // Cut between two fields of the envelope it is a smaller document.
        expect(parseProtobuf(SECRET.subarray(0, length)).kind).toBe('Secret')
      } catch (error) {
        if (!isApiError(error, 'BadRequest') && !isApiError(error, 'UnsupportedMediaType')) throw error
      }
    }
  })

  it('never ends in anything but an object or a refusal', () => {
    const noise = fc.uint8Array({ maxLength: 60 }).map((raw) => document('v1', 'Secret', bytes(1, [...raw]), [...raw]))
    fc.assert(
      fc.property(noise, (body) => {
        try {
          parseProtobuf(body)
        } catch (error) {
          expect(isApiError(error, 'BadRequest')).toBe(true)
        }
      }),
    )
  })
})
