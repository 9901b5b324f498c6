// XDR (RFC 4506) primitives over bytes: a growing writer and a bounded reader. Knows no libvirt type.
//
// INVARIANTS: the reader never reads past its end, never allocates by a length that the bytes do not cover, and
// `end()` refuses leftovers. Everything is padded to 4 bytes.

import { ArgumentError, ProtocolError } from './errors.ts'

const pad = (length: number): number => (4 - (length & 3)) & 3

/** Appends values to a buffer that grows up to `limit` bytes. */
export class XdrWriter {
  #buffer: Buffer
  #length = 0
  readonly #limit: number

  constructor(limit: number, initial = 256) {
    this.#limit = limit
    this.#buffer = Buffer.allocUnsafe(Math.min(initial, limit))
  }

  get length(): number {
    return this.#length
  }

  /** Makes room for `count` bytes and returns where they start. */
  #take(count: number): number {
    const start = this.#length
    const needed = start + count
    if (needed > this.#limit) throw new ArgumentError(`a message may have at most ${this.#limit} bytes`)
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.min(this.#limit, Math.max(needed, this.#buffer.length * 2)))
      this.#buffer.copy(grown, 0, 0, start)
      this.#buffer = grown
    }
    this.#length = needed
    return start
  }

  i32(value: number): void {
    const at = this.#take(4)
    this.#buffer.writeInt32BE(value, at)
  }

  u32(value: number): void {
    const at = this.#take(4)
    this.#buffer.writeUInt32BE(value, at)
  }

  i64(value: bigint): void {
    const at = this.#take(8)
    this.#buffer.writeBigInt64BE(value, at)
  }

  u64(value: bigint): void {
    const at = this.#take(8)
    this.#buffer.writeBigUInt64BE(value, at)
  }

  f64(value: number): void {
    const at = this.#take(8)
    this.#buffer.writeDoubleBE(value, at)
  }

  /** Bytes of a known length, padded; the length is not written. */
  fixed(bytes: Uint8Array): void {
    const at = this.#take(bytes.length + pad(bytes.length))
    this.#buffer.set(bytes, at)
    this.#buffer.fill(0, at + bytes.length, this.#length)
  }

  /** Bytes as they are, neither padded nor counted: the payload of a stream packet. */
  raw(bytes: Uint8Array): void {
    const at = this.#take(bytes.length)
    this.#buffer.set(bytes, at)
  }

  /** Length, bytes, padding. */
  opaque(bytes: Uint8Array): void {
    this.u32(bytes.length)
    this.fixed(bytes)
  }

  /** UTF-8 text as length, bytes, padding. */
  string(text: string): void {
    const count = Buffer.byteLength(text)
    this.u32(count)
    const at = this.#take(count + pad(count))
    this.#buffer.write(text, at)
    this.#buffer.fill(0, at + count, this.#length)
  }

  /** Overwrites four bytes that were written before: a length that is known only at the end. */
  patchU32(at: number, value: number): void {
    this.#buffer.writeUInt32BE(value, at)
  }

  /** What was written; the writer must not be used afterwards. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }
}

/** Reads values from bytes; anything missing, too long or left over is a ProtocolError. */
export class XdrReader {
  readonly #buffer: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.#buffer.length - this.#at
  }

  #take(count: number): number {
    if (count > this.remaining) throw new ProtocolError(`message is ${count - this.remaining} bytes short`)
    const start = this.#at
    this.#at += count
    return start
  }

  i32(): number {
    return this.#buffer.readInt32BE(this.#take(4))
  }

  u32(): number {
    return this.#buffer.readUInt32BE(this.#take(4))
  }

  i64(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8))
  }

  u64(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(8))
  }

  f64(): number {
    return this.#buffer.readDoubleBE(this.#take(8))
  }

  /** `count` bytes and their padding; a copy, so that it does not keep the frame alive. */
  fixed(count: number): Uint8Array {
    const at = this.#take(count + pad(count))
    return new Uint8Array(this.#buffer.subarray(at, at + count))
  }

  /** A length of at most `limit`. */
  count(limit: number): number {
    const count = this.u32()
    if (count > limit) throw new ProtocolError(`length ${count} is over the limit of ${limit}`)
    return count
  }

  opaque(limit: number): Uint8Array {
    return this.fixed(this.count(limit))
  }

  /** Text; bytes that are not UTF-8 become U+FFFD, since names on a host may hold any bytes. */
  string(limit: number): string {
    const count = this.count(limit)
    const at = this.#take(count + pad(count))
    return this.#buffer.toString('utf8', at, at + count)
  }

  /** Refuses leftovers: they mean that the layout is not the one we know. */
  end(): void {
    if (this.remaining !== 0) throw new ProtocolError(`${this.remaining} bytes left over after the message`)
  }
}
