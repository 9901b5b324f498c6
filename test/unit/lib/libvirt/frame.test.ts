import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArgumentError, ProtocolError } from '../../../../lib/libvirt/errors.ts'
import { encodeFrame, type Frame, FrameParser } from '../../../../lib/libvirt/frame.ts'
import { CALL, cat, frame, MESSAGE, MORE, REMOTE, REPLY, STREAM, u32 } from './bytes.ts'

function parse(parser: FrameParser, ...chunks: readonly Uint8Array[]): Frame[] {
  const frames: Frame[] = []
  for (const chunk of chunks) parser.push(Buffer.from(chunk), (one) => frames.push(one))
  return frames
}

const THREE = cat(
  frame({ procedure: 196, type: REPLY, serial: 7 }, u32(42)),
  frame({ procedure: 318, type: MESSAGE }),
  frame({ procedure: 201, type: STREAM, serial: 9, status: MORE }, Buffer.from('hello')),
)
const EXPECTED = [
  [REMOTE, 1, 196, REPLY, 7, 0, '0000002a'],
  [REMOTE, 1, 318, MESSAGE, 0, 0, ''],
  [REMOTE, 1, 201, STREAM, 9, MORE, '68656c6c6f'],
]
const flat = (frames: readonly Frame[]) =>
  frames.map((one) => [
    one.program,
    one.version,
    one.procedure,
    one.type,
    one.serial,
    one.status,
    one.payload.toString('hex'),
  ])

describe('frames', () => {
  it('are encoded with a length that counts itself', () => {
    const header = { program: REMOTE, version: 1, procedure: 196, type: CALL, serial: 7, status: 0 }
    const bytes = encodeFrame(header, (writer) => writer.u32(42))
    expect(bytes.toString('hex')).toBe(frame({ procedure: 196, type: CALL, serial: 7 }, u32(42)).toString('hex'))
  })

  it('refuse a body that no server would take', () => {
    const header = { program: REMOTE, version: 1, procedure: 1, type: CALL, serial: 1, status: 0 }
    expect(() => encodeFrame(header, (writer) => writer.raw(Buffer.alloc(33_554_437)))).toThrow(ArgumentError)
  })

  it('come out the same wherever the stream is cut in two', () => {
    for (let at = 0; at <= THREE.length; at++) {
      expect(flat(parse(new FrameParser(), THREE.subarray(0, at), THREE.subarray(at)))).toEqual(EXPECTED)
    }
  })

  it('come out the same byte by byte', () => {
    expect(flat(parse(new FrameParser(), ...[...THREE].map((byte) => Uint8Array.of(byte))))).toEqual(EXPECTED)
  })

  it('come out the same for any chunks', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
        const chunks: Buffer[] = []
        let at = 0
        for (let i = 0; at < THREE.length; i++) {
          const size = sizes[i % sizes.length] ?? 1
          chunks.push(THREE.subarray(at, at + size))
          at += size
        }
        expect(flat(parse(new FrameParser(), ...chunks))).toEqual(EXPECTED)
      }),
    )
  })

  it('wait for their last byte', () => {
    for (let length = 0; length < 32; length++) expect(parse(new FrameParser(), THREE.subarray(0, length))).toEqual([])
  })

  it.each([0, 4, 27, 33_554_437, 0x7fffffff, 0xffffffff])('of length %i are refused at once', (length) => {
    expect(() => parse(new FrameParser(), u32(length))).toThrow(ProtocolError)
  })

  it('of the greatest length take memory as bytes arrive, not by their claim', () => {
    const before = process.memoryUsage().arrayBuffers
    const parsers = Array.from({ length: 100 }, () => new FrameParser())
    for (const parser of parsers) parse(parser, cat(u32(33_554_436), Buffer.alloc(24)))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(33_554_436)
  })

  it.each([
    ['type', frame({ procedure: 1, type: 7 })],
    ['negative type', frame({ procedure: 1, type: -1 })],
    ['status', frame({ procedure: 1, type: REPLY, status: 3 })],
  ])('with an unknown %s are refused', (_what, bytes) => {
    expect(() => parse(new FrameParser(), bytes)).toThrow(ProtocolError)
  })

  it('before a bad one are still handed over', () => {
    const seen: Frame[] = []
    const parser = new FrameParser()
    expect(() => parser.push(cat(THREE, u32(3)), (one) => seen.push(one))).toThrow(ProtocolError)
    expect(flat(seen)).toEqual(EXPECTED)
  })
})
