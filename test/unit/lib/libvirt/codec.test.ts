import { describe, expect, it } from 'vitest'
import {
  array,
  type Codec,
  charArray,
  chars,
  opaque,
  optional,
  primitives,
  string,
  struct,
  typedValue,
} from '../../../../lib/libvirt/codec.ts'
import { ArgumentError, ProtocolError } from '../../../../lib/libvirt/errors.ts'
import { XdrReader, XdrWriter } from '../../../../lib/libvirt/xdr.ts'
import { cat, none, some, str, UUID_A, u32, u64, uuid } from './bytes.ts'

const primitive = (name: string): Codec => {
  const codec = primitives[name]
  if (codec === undefined) throw new Error(`no codec ${name}`)
  return codec
}

function encode(codec: Codec, value: unknown): Buffer {
  const writer = new XdrWriter(65_536)
  codec.write(writer, value, 'arg')
  return writer.finish()
}

function decode(codec: Codec, bytes: Uint8Array): unknown {
  const reader = new XdrReader(bytes)
  const value = codec.read(reader)
  reader.end()
  return value
}

describe('what goes onto the wire is checked by name', () => {
  const rows: readonly [string, Codec, unknown, string][] = [
    ['a fraction', primitive('int'), 1.5, 'arg must be an integer'],
    ['a number as text', primitive('uint'), '1', 'arg must be an integer'],
    ['int above its range', primitive('int'), 2 ** 31, 'arg must be an integer'],
    ['a negative uint', primitive('uint'), -1, 'arg must be an integer from 0'],
    ['char above its range', primitive('char'), 128, 'arg must be an integer'],
    ['uint16 above its range', primitive('uint16'), 65_536, 'arg must be an integer'],
    ['a number where 64 bits are', primitive('hyper'), 1, 'arg must be a bigint'],
    ['hyper above its range', primitive('hyper'), 2n ** 63n, 'arg must be a bigint'],
    ['a negative uhyper', primitive('uhyper'), -1n, 'arg must be a bigint'],
    ['a uuid without dashes', primitive('UUID'), UUID_A.replaceAll('-', ''), 'arg must be a uuid'],
    ['a missing string', string(10), undefined, 'arg must be a string'],
    ['a NUL in a string', string(10), 'a\0b', 'arg must be a string without NUL'],
    ['a string over its limit, in bytes', string(3), 'éé', 'arg must be at most 3 bytes'],
    ['bytes over their limit', opaque(2), new Uint8Array(3), 'arg must be at most 2 bytes'],
    ['text where bytes are', opaque(9), 'text', 'arg must be a Uint8Array'],
    ['characters over their limit', chars(2), new Uint8Array(3), 'arg must be at most 2 bytes'],
    ['a C string that leaves no room for its end', charArray(4), 'abcd', 'arg must be at most 3 bytes'],
    ['undefined where null means none', optional(string(9)), undefined, 'arg must be given: null'],
    ['too many items', array(primitive('int'), 1), [1, 2], 'arg must be at most 1 items'],
    ['a wrong item', array(primitive('int'), 9), [1, 'x'], 'arg[1] must be an integer'],
    ['a wrong field', struct([['flags', primitive('uint')]]), { flags: -1 }, 'arg.flags must be an integer'],
    ['no object', struct([['flags', primitive('uint')]]), null, 'arg must be an object'],
    ['an unknown parameter type', typedValue(string(9)), { type: 'float', value: 1 }, 'arg.type must be int'],
    ['a parameter without a tag', typedValue(string(9)), 5, 'arg.type must be int'],
    ['a parameter of another type', typedValue(string(9)), { type: 'uhyper', value: 1 }, 'arg.value must be a bigint'],
    ['a boolean parameter as number', typedValue(string(9)), { type: 'bool', value: 1 }, 'arg.value must be a boolean'],
  ]
  it.each(rows)('%s', (_title, codec, value, message) => {
    expect(() => encode(codec, value)).toThrow(ArgumentError)
    expect(() => encode(codec, value)).toThrow(message)
  })
})

describe('layouts', () => {
  const rows: readonly [string, Codec, unknown, Buffer][] = [
    ['uchar takes four bytes', primitive('uchar'), 255, u32(255)],
    ['char is signed', primitive('char'), -1, Buffer.from('ffffffff', 'hex')],
    ['uuid is 16 bytes', primitive('UUID'), UUID_A, uuid(UUID_A)],
    ['no value', optional(primitive('int')), null, none],
    ['a value', optional(primitive('int')), 7, some(u32(7))],
    ['items', array(primitive('uhyper'), 9), [1n, 2n], cat(u32(2), u64(1n), u64(2n))],
    [
      'characters take four bytes each',
      chars(9),
      Uint8Array.of(65, 200),
      cat(u32(2), u32(65), Buffer.from('ffffffc8', 'hex')),
    ],
    ['a C string in its field', charArray(4), 'ab', cat(u32(97), u32(98), u32(0), u32(0))],
    ['a boolean parameter', typedValue(string(9)), { type: 'bool', value: true }, cat(u32(6), u32(1))],
    ['a text parameter', typedValue(string(9)), { type: 'string', value: 'x' }, cat(u32(7), str('x'))],
    [
      'a double parameter',
      typedValue(string(9)),
      { type: 'double', value: -2 },
      cat(u32(5), Buffer.from('c000000000000000', 'hex')),
    ],
  ]
  it.each(rows)('%s, both ways', (_title, codec, value, bytes) => {
    expect(encode(codec, value).toString('hex')).toBe(bytes.toString('hex'))
    expect(decode(codec, bytes)).toEqual(value)
  })

  it('upper-case uuids are taken, lower-case ones are given', () => {
    expect(encode(primitive('UUID'), UUID_A.toUpperCase())).toEqual(uuid(UUID_A))
  })
})

describe('what comes from the wire is bounded', () => {
  const rows: readonly [string, Codec, Buffer][] = [
    [
      'an array that claims more items than bytes can hold',
      array(primitive('uhyper'), 16_384),
      cat(u32(3), u64(1n), u64(2n)),
    ],
    ['an array over its limit', array(primitive('int'), 2), cat(u32(3), u32(1), u32(2), u32(3))],
    ['characters that claim more than there is', chars(1_000_000), cat(u32(1_000_000), u32(1))],
    ['a presence that is neither 0 nor 1', optional(primitive('int')), cat(u32(2), u32(1))],
    ['a parameter type that does not exist', typedValue(string(9)), cat(u32(8), u32(1))],
    ['parameter type 0', typedValue(string(9)), cat(u32(0), u32(1))],
    ['a uchar above 255', primitive('uchar'), u32(256)],
    ['a char below -128', primitive('char'), Buffer.from('ffffff00', 'hex')],
  ]
  it.each(rows)('%s', (_title, codec, bytes) => {
    expect(() => decode(codec, bytes)).toThrow(ProtocolError)
  })

  it('an impossible count is refused before anything is made for it', () => {
    expect(() => decode(array(primitive('uhyper'), 16_384), cat(u32(3), u64(1n)))).toThrow('3 items do not fit')
    expect(() => decode(chars(4_194_304), cat(u32(4_194_304), u32(1)))).toThrow('4194304 items do not fit')
  })

  it('a field named like an object property is data, not behaviour', () => {
    const codec = struct([['constructor', primitive('int')]])
    expect(decode(codec, u32(5))).toEqual({ constructor: 5 })
  })
})
