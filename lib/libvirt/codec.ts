// Codecs as values: how one type goes onto the wire and comes back. Built from the protocol's type words.
//
// Encoding takes `unknown` and checks it, since a wrong value must be refused by name before anything is sent.

import { ArgumentError, ProtocolError } from './errors.ts'
import type { XdrReader, XdrWriter } from './xdr.ts'

/** One type on the wire. `least` is the fewest bytes a value takes, which bounds the counts that arrays may claim. */
export interface Codec {
  readonly least: number
  write(writer: XdrWriter, value: unknown, path: string): void
  read(reader: XdrReader): unknown
}

const bad = (path: string, wanted: string): ArgumentError => new ArgumentError(`${path} must be ${wanted}`)

function integer(
  lowest: number,
  highest: number,
  write: (w: XdrWriter, v: number) => void,
  read: (r: XdrReader) => number,
): Codec {
  return {
    least: 4,
    write(writer, value, path) {
      if (typeof value !== 'number' || !Number.isInteger(value) || value < lowest || value > highest) {
        throw bad(path, `an integer from ${lowest} to ${highest}`)
      }
      write(writer, value)
    },
    read(reader) {
      const value = read(reader)
      if (value < lowest || value > highest) throw new ProtocolError(`${value} is not from ${lowest} to ${highest}`)
      return value
    },
  }
}

const signed = (lowest: number, highest: number) =>
  integer(
    lowest,
    highest,
    (w, v) => w.i32(v),
    (r) => r.i32(),
  )
const unsigned = (highest: number) =>
  integer(
    0,
    highest,
    (w, v) => w.u32(v),
    (r) => r.u32(),
  )

function big(
  lowest: bigint,
  highest: bigint,
  write: (w: XdrWriter, v: bigint) => void,
  read: (r: XdrReader) => bigint,
): Codec {
  return {
    least: 8,
    write(writer, value, path) {
      if (typeof value !== 'bigint' || value < lowest || value > highest) {
        throw bad(path, `a bigint from ${lowest} to ${highest}`)
      }
      write(writer, value)
    },
    read,
  }
}

const double: Codec = {
  least: 8,
  write(writer, value, path) {
    if (typeof value !== 'number') throw bad(path, 'a number')
    writer.f64(value)
  },
  read: (reader) => reader.f64(),
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** 16 bytes, as canonical lower-case text on our side. */
const uuid: Codec = {
  least: 16,
  write(writer, value, path) {
    if (typeof value !== 'string' || !UUID.test(value)) throw bad(path, 'a uuid such as 6c5d0b0e-…')
    writer.fixed(Buffer.from(value.replaceAll('-', ''), 'hex'))
  },
  read(reader) {
    const hex = Buffer.from(reader.fixed(16)).toString('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  },
}

/** Codecs without a parameter, by type word. `char`, `uchar` and `uint16` take four bytes too. */
export const primitives: Readonly<Record<string, Codec>> = {
  int: signed(-2_147_483_648, 2_147_483_647),
  uint: unsigned(4_294_967_295),
  char: signed(-128, 127),
  uchar: unsigned(255),
  uint16: unsigned(65_535),
  hyper: big(
    -(2n ** 63n),
    2n ** 63n - 1n,
    (w, v) => w.i64(v),
    (r) => r.i64(),
  ),
  uhyper: big(
    0n,
    2n ** 64n - 1n,
    (w, v) => w.u64(v),
    (r) => r.u64(),
  ),
  double,
  UUID: uuid,
  AuthType: signed(-2_147_483_648, 2_147_483_647),
}

/** Text of at most `limit` bytes. A NUL is refused: the peer would silently cut the string there. */
export const string = (limit: number): Codec => ({
  least: 4,
  write(writer, value, path) {
    if (typeof value !== 'string') throw bad(path, 'a string')
    if (value.includes('\0')) throw bad(path, 'a string without NUL')
    if (Buffer.byteLength(value) > limit) throw bad(path, `at most ${limit} bytes long`)
    writer.string(value)
  },
  read: (reader) => reader.string(limit),
})

/** `opaque<>`: bytes. */
export const opaque = (limit: number): Codec => ({
  least: 4,
  write(writer, value, path) {
    if (!(value instanceof Uint8Array)) throw bad(path, 'a Uint8Array')
    if (value.length > limit) throw bad(path, `at most ${limit} bytes long`)
    writer.opaque(value)
  },
  read: (reader) => reader.opaque(limit),
})

/** `char<>`: bytes, each of which takes four on the wire. */
export const chars = (limit: number): Codec => ({
  least: 4,
  write(writer, value, path) {
    if (!(value instanceof Uint8Array)) throw bad(path, 'a Uint8Array')
    if (value.length > limit) throw bad(path, `at most ${limit} bytes long`)
    writer.u32(value.length)
    for (const byte of value) writer.i32((byte << 24) >> 24)
  },
  read(reader) {
    const count = boundedCount(reader, limit, 4)
    const bytes = new Uint8Array(count)
    for (let i = 0; i < count; i++) bytes[i] = reader.i32() & 0xff
    return bytes
  },
})

/** `char[n]`: a C string in a field of `size` characters, each of which takes four bytes. */
export const charArray = (size: number): Codec => ({
  least: size * 4,
  write(writer, value, path) {
    if (typeof value !== 'string' || value.includes('\0')) throw bad(path, 'a string without NUL')
    const bytes = Buffer.from(value)
    if (bytes.length >= size) throw bad(path, `at most ${size - 1} bytes long`)
    for (let i = 0; i < size; i++) writer.i32(((bytes[i] ?? 0) << 24) >> 24)
  },
  read(reader) {
    const bytes = Buffer.alloc(size)
    for (let i = 0; i < size; i++) bytes[i] = reader.i32() & 0xff
    const end = bytes.indexOf(0)
    return bytes.toString('utf8', 0, end < 0 ? size : end)
  },
})

function boundedCount(reader: XdrReader, limit: number, least: number): number {
  const count = reader.count(limit)
  if (count * least > reader.remaining) throw new ProtocolError(`${count} items do not fit into the message`)
  return count
}

/** `T?`: null or a value. */
export const optional = (inner: Codec): Codec => ({
  least: 4,
  write(writer, value, path) {
    if (value === undefined) throw bad(path, 'given: null means none')
    writer.u32(value === null ? 0 : 1)
    if (value !== null) inner.write(writer, value, path)
  },
  read(reader) {
    const present = reader.u32()
    if (present > 1) throw new ProtocolError(`an optional value has presence ${present}`)
    return present === 1 ? inner.read(reader) : null
  },
})

/** `T<>`: at most `limit` items. */
export const array = (inner: Codec, limit: number): Codec => ({
  least: 4,
  write(writer, value, path) {
    if (!Array.isArray(value)) throw bad(path, 'an array')
    if (value.length > limit) throw bad(path, `at most ${limit} items long`)
    writer.u32(value.length)
    for (let i = 0; i < value.length; i++) inner.write(writer, value[i], `${path}[${i}]`)
  },
  read(reader) {
    const count = boundedCount(reader, limit, inner.least)
    const items: unknown[] = []
    for (let i = 0; i < count; i++) items.push(inner.read(reader))
    return items
  },
})

/** Fields one after the other, as an object. */
export function struct(fields: readonly (readonly [name: string, codec: Codec])[]): Codec {
  return {
    least: fields.reduce((sum, [, codec]) => sum + codec.least, 0),
    write(writer, value, path) {
      if (typeof value !== 'object' || value === null) throw bad(path, 'an object')
      const record = value as Readonly<Record<string, unknown>>
      for (const [name, codec] of fields) codec.write(writer, record[name], `${path}.${name}`)
    },
    read(reader) {
      const record: Record<string, unknown> = {}
      for (const [name, codec] of fields) record[name] = codec.read(reader)
      return record
    },
  }
}

const BOOL: Codec = {
  least: 4,
  write(writer, value, path) {
    if (typeof value !== 'boolean') throw bad(path, 'a boolean')
    writer.i32(value ? 1 : 0)
  },
  read: (reader) => reader.i32() !== 0,
}

/** A typed parameter's value: its type as an integer from 1, then the value. */
export function typedValue(text: Codec): Codec {
  const { int, uint, hyper, uhyper } = primitives as Record<'int' | 'uint' | 'hyper' | 'uhyper', Codec>
  const kinds: readonly (readonly [string, Codec])[] = [
    ['int', int],
    ['uint', uint],
    ['hyper', hyper],
    ['uhyper', uhyper],
    ['double', double],
    ['bool', BOOL],
    ['string', text],
  ]
  return {
    least: 8,
    write(writer, value, path) {
      const tagged = (typeof value === 'object' ? value : null) as { type?: unknown; value?: unknown } | null
      const index = kinds.findIndex(([name]) => name === tagged?.type)
      const kind = kinds[index]
      if (kind === undefined) throw bad(`${path}.type`, kinds.map(([name]) => name).join(', '))
      writer.i32(index + 1)
      kind[1].write(writer, tagged?.value, `${path}.value`)
    },
    read(reader) {
      const index = reader.i32()
      const kind = kinds[index - 1]
      if (kind === undefined) throw new ProtocolError(`typed parameter of unknown type ${index}`)
      return { type: kind[0], value: kind[1].read(reader) }
    },
  }
}
