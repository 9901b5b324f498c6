import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArgumentError, ProtocolError } from '../../../../lib/libvirt/errors.ts'
import { XdrReader, XdrWriter } from '../../../../lib/libvirt/xdr.ts'
import { cat, opaque, str, u32, u64 } from './bytes.ts'

const LIMIT = 4096

/** One of each primitive: how it is written, its bytes by the independent builder, how it is read. */
const samples: readonly [string, (w: XdrWriter) => void, Buffer, (r: XdrReader) => unknown, unknown][] = [
  ['int', (w) => w.i32(-2), Buffer.from('fffffffe', 'hex'), (r) => r.i32(), -2],
  ['uint', (w) => w.u32(0xfffffffe), u32(0xfffffffe), (r) => r.u32(), 0xfffffffe],
  ['hyper', (w) => w.i64(-2n), u64(-2n), (r) => r.i64(), -2n],
  ['uhyper', (w) => w.u64(2n ** 64n - 1n), Buffer.from('ffffffffffffffff', 'hex'), (r) => r.u64(), 2n ** 64n - 1n],
  ['double', (w) => w.f64(1.5), Buffer.from('3ff8000000000000', 'hex'), (r) => r.f64(), 1.5],
  ['empty string', (w) => w.string(''), u32(0), (r) => r.string(10), ''],
  ['string with padding', (w) => w.string('añb'), Buffer.from('0000000461c3b162', 'hex'), (r) => r.string(10), 'añb'],
  ['string of five bytes', (w) => w.string('abcde'), str('abcde'), (r) => r.string(5), 'abcde'],
  [
    'opaque',
    (w) => w.opaque(Buffer.from([1, 2, 3])),
    opaque(Buffer.from([1, 2, 3])),
    (r) => r.opaque(3),
    Uint8Array.of(1, 2, 3),
  ],
]

describe('XDR primitives', () => {
  it.each(samples)('%s is written as the RFC says', (_name, write, bytes) => {
    const writer = new XdrWriter(LIMIT)
    write(writer)
    expect(writer.finish().toString('hex')).toBe(bytes.toString('hex'))
  })

  it.each(samples)('%s is read back, to its last byte', (_name, _write, bytes, read, value) => {
    const reader = new XdrReader(bytes)
    expect(read(reader)).toEqual(value)
    expect(() => reader.end()).not.toThrow()
  })

  it.each(samples)('%s throws on every truncation', (_name, _write, bytes, read) => {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => read(new XdrReader(bytes.subarray(0, length)))).toThrow(ProtocolError)
    }
  })

  it('refuses leftovers', () => {
    const reader = new XdrReader(cat(u32(1), Buffer.from([0])))
    reader.u32()
    expect(() => reader.end()).toThrow('1 bytes left over')
  })

  it('refuses a length over the limit, before it looks at the bytes', () => {
    expect(() => new XdrReader(str('abcdef')).string(5)).toThrow('length 6 is over the limit of 5')
    expect(() => new XdrReader(u32(0xffffffff)).opaque(0xffffffff)).toThrow(ProtocolError)
  })

  it('keeps bytes that are not UTF-8 from ending a connection', () => {
    expect(new XdrReader(opaque(Buffer.from([0x61, 0xff]))).string(10)).toBe('a\ufffd')
  })

  it('grows, and stops at its limit without a byte more', () => {
    const writer = new XdrWriter(LIMIT, 4)
    for (let i = 0; i < LIMIT / 4; i++) writer.u32(i)
    expect(writer.length).toBe(LIMIT)
    expect(() => writer.u32(0)).toThrow(ArgumentError)
    const bytes = writer.finish()
    for (let i = 0; i < LIMIT / 4; i++) expect(bytes.readUInt32BE(i * 4)).toBe(i)
  })

  it('returns copies: bytes read do not change with the buffer they came in', () => {
    const buffer = opaque(Buffer.from([1, 2, 3, 4]))
    const bytes = new XdrReader(buffer).opaque(4)
    buffer.fill(0)
    expect(bytes).toEqual(Uint8Array.of(1, 2, 3, 4))
  })

  it('reads any text that it wrote', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const writer = new XdrWriter(LIMIT)
        writer.string(text)
        const reader = new XdrReader(writer.finish())
        expect(reader.string(LIMIT)).toBe(text)
        reader.end()
      }),
    )
  })
})
