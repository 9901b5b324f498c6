// Frames: length prefix, header, payload. A push parser that copes with any split of the byte stream.

import { ProtocolError } from './errors.ts'
import { limits } from './protocol.gen.ts'
import { XdrWriter } from './xdr.ts'

/** What a frame is; 4 and 5 carry file descriptors, 6 is a hole in a sparse stream. */
export const FrameType = {
  call: 0,
  reply: 1,
  message: 2,
  stream: 3,
  callWithFds: 4,
  replyWithFds: 5,
  streamHole: 6,
} as const
/** How it went; `more` on stream data. */
export const FrameStatus = { ok: 0, error: 1, more: 2 } as const

export interface FrameHeader {
  readonly program: number
  readonly version: number
  readonly procedure: number
  readonly type: number
  readonly serial: number
  readonly status: number
}

export interface Frame extends FrameHeader {
  readonly payload: Buffer
}

/** Whether a frame carries the numbers of the procedure that it should be about. */
export const belongsTo = (
  procedure: { readonly program: number; readonly version: number; readonly number: number },
  { program, version, procedure: number }: FrameHeader,
): boolean => program === procedure.program && version === procedure.version && number === procedure.number

/** Four bytes of length, which counts itself, and six words of header. */
export const HEADER_BYTES = limits.header
const LENGTH_BYTES = 4

/** A frame as bytes; `body` appends the payload. */
export function encodeFrame(header: FrameHeader, body?: (writer: XdrWriter) => void): Buffer {
  const writer = new XdrWriter(limits.message)
  writer.u32(0)
  writer.u32(header.program)
  writer.u32(header.version)
  writer.i32(header.procedure)
  writer.i32(header.type)
  writer.u32(header.serial)
  writer.i32(header.status)
  body?.(writer)
  writer.patchU32(0, writer.length)
  return writer.finish()
}

function decodeFrame(bytes: Buffer): Frame {
  const type = bytes.readInt32BE(16)
  const status = bytes.readInt32BE(24)
  if (type < FrameType.call || type > FrameType.streamHole) throw new ProtocolError(`unknown frame type ${type}`)
  if (status < FrameStatus.ok || status > FrameStatus.more) throw new ProtocolError(`unknown frame status ${status}`)
  return {
    program: bytes.readUInt32BE(4),
    version: bytes.readUInt32BE(8),
    procedure: bytes.readInt32BE(12),
    type,
    serial: bytes.readUInt32BE(20),
    status,
    payload: bytes.subarray(HEADER_BYTES),
  }
}

/** Chunks smaller than this are joined while a frame is gathered. */
const SMALL_BYTES = 65_536

/**
 * Bytes in, frames out. Throws ProtocolError on an impossible length or header; the stream has no way back from
 * that, so the parser must not be used afterwards. Memory is taken as bytes arrive, never by a claimed length, and in
 * whatever small pieces they arrive.
 */
export class FrameParser {
  #chunks: Buffer[] = []
  #held = 0

  /** In how many pieces the bytes of an unfinished frame are held. */
  get pieces(): number {
    return this.#chunks.length
  }

  /** Adds bytes and hands over every frame that is now complete. */
  push(chunk: Buffer, onFrame: (frame: Frame) => void): void {
    this.#keep(chunk)
    this.#held += chunk.length
    for (;;) {
      if (this.#held < LENGTH_BYTES) return
      const length = this.#peekLength()
      if (length < HEADER_BYTES || length > limits.message) throw new ProtocolError(`impossible frame length ${length}`)
      if (this.#held < length) return
      const bytes = this.#joined()
      this.#chunks = length === bytes.length ? [] : [bytes.subarray(length)]
      this.#held = bytes.length - length
      onFrame(decodeFrame(bytes.subarray(0, length)))
    }
  }

  /** Joins equals as they come, so that a frame which drips in byte by byte is held in few pieces and copied few times. */
  #keep(chunk: Buffer): void {
    let last = chunk
    for (;;) {
      const before = this.#chunks.at(-1)
      if (before === undefined || before.length > last.length || before.length + last.length > SMALL_BYTES) break
      this.#chunks.pop()
      last = Buffer.concat([before, last])
    }
    this.#chunks.push(last)
  }

  #peekLength(): number {
    const first = this.#chunks[0]
    return first !== undefined && first.length >= LENGTH_BYTES ? first.readUInt32BE(0) : this.#joined().readUInt32BE(0)
  }

  /** All held bytes as one chunk. */
  #joined(): Buffer {
    const [first] = this.#chunks
    if (first !== undefined && this.#chunks.length === 1) return first
    const all = Buffer.concat(this.#chunks)
    this.#chunks = [all]
    return all
  }
}
