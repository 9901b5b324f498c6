// Objects as protobuf: kubectl from 1.32 on and other Go programs send core kinds so (`create namespace`, `create secret`, `auth can-i`).
// Only read, never written: those clients take JSON answers. Bounded, without recursion beyond the message tables.
import { ApiError } from '../../errors.ts'
import type { JsonObject } from '../core/json.ts'
import { type FieldType, MESSAGES, type Message } from './protobuf-messages.ts'

export const PROTOBUF = 'application/vnd.kubernetes.protobuf'

/** "k8s" and a zero byte begin every document (apimachinery's protobuf serializer). */
const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0])

/** runtime.Unknown, the envelope. */
const ENVELOPE: Message = {
  1: ['typeMeta', { 1: ['apiVersion', 'text'], 2: ['kind', 'text'] }],
  2: ['raw', 'bytes'],
  3: ['contentEncoding', 'text'],
  4: ['contentType', 'text'],
}

const bad = (what: string): ApiError => new ApiError('BadRequest', `the protobuf body ${what}`)

/** The object in a body, as JSON would have it. @throws ApiError BadRequest, UnsupportedMediaType for kinds that have no table here */
export function parseProtobuf(body: Buffer): JsonObject {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) throw bad('does not begin as one of Kubernetes')
  const envelope = new Reader(body.subarray(MAGIC.length)).message(ENVELOPE)
  const { apiVersion = '', kind = '' } = (envelope.typeMeta ?? {}) as { apiVersion?: string; kind?: string }
  const id = `${apiVersion}/${kind}`
  const message = Object.hasOwn(MESSAGES, id) ? MESSAGES[id] : undefined
  if (message === undefined)
    throw new ApiError(
      'UnsupportedMediaType',
      `${JSON.stringify(id.slice(0, 100))} is not taken as protobuf; send application/json`,
    )
  const raw = Buffer.from(typeof envelope.raw === 'string' ? envelope.raw : '', 'base64')
  return { apiVersion, kind, ...new Reader(raw).message(message) }
}

const VARINT = 0
const LENGTH_DELIMITED = 2

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Fields without a value (empty texts and messages, zeros) are left out, as Go leaves them out of JSON. */
  message(message: Message): JsonObject {
    const result: JsonObject = {}
    while (this.#at < this.#bytes.length) {
      const tag = this.#varint()
      const [name, type] = message[Number(tag >> 3n)] ?? []
      if (name === undefined || type === undefined)
        throw bad(`has a field ${tag >> 3n} that is not known; send application/json`)
      const value = this.#value(type, Number(tag & 7n))
      if (isMap(type)) result[name] = { ...(result[name] as JsonObject | undefined), ...(value as JsonObject) }
      else if (isList(type)) result[name] = [...((result[name] as unknown[] | undefined) ?? []), value]
      else if (value !== undefined) result[name] = value
    }
    return result
  }

  #value(type: FieldType, wire: number): unknown {
    const numeric = type === 'integer' || type === 'boolean'
    if (wire !== (numeric ? VARINT : LENGTH_DELIMITED)) throw bad('has a field of another type')
    if (type === 'boolean') return this.#varint() !== 0n
    if (type === 'integer') return Number(BigInt.asIntN(64, this.#varint())) || undefined
    return readBytes(isList(type) ? type.list : type, this.#slice(), isList(type))
  }

  #slice(): Buffer {
    const length = this.#varint()
    if (length > BigInt(this.#bytes.length - this.#at)) throw bad('ends in the middle of a field')
    const start = this.#at
    this.#at += Number(length)
    return this.#bytes.subarray(start, this.#at)
  }

  #varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw bad('ends in the middle of a number')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw bad('has a number that is too long')
  }
}

const isMap = (type: FieldType): type is { readonly map: 'text' | 'bytes' } => typeof type === 'object' && 'map' in type
const isList = (type: FieldType): type is { readonly list: 'text' | Message } =>
  typeof type === 'object' && 'list' in type

/** @param keepEmpty an item of a list is there even when it is empty */
function readBytes(
  type: Exclude<FieldType, 'integer' | 'boolean' | { readonly list: unknown }>,
  bytes: Buffer,
  keepEmpty: boolean,
): unknown {
  if (type === 'text') return bytes.length === 0 && !keepEmpty ? undefined : utf8(bytes)
  if (type === 'bytes') return bytes.toString('base64')
  if (type === 'time') return timeOf(new Reader(bytes).message({ 1: ['seconds', 'integer'], 2: ['nanos', 'integer'] }))
  if (type === 'json') return jsonOf(new Reader(bytes).message({ 1: ['raw', 'bytes'] }))
  if (isMap(type)) {
    const { key = '', value = '' } = new Reader(bytes).message({ 1: ['key', 'text'], 2: ['value', type.map] })
    return Object.fromEntries([[String(key), value]])
  }
  const message = new Reader(bytes).message(type)
  return Object.keys(message).length === 0 && !keepEmpty ? undefined : message
}

function utf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw bad('has a text that is not UTF-8')
  }
}

function timeOf({ seconds }: JsonObject): string | undefined {
  if (typeof seconds !== 'number') return undefined
  const time = new Date(seconds * 1000)
  if (Number.isNaN(time.getTime())) throw bad('has a time that is none')
  return `${time.toISOString().slice(0, 19)}Z`
}

function jsonOf({ raw }: JsonObject): unknown {
  try {
    return JSON.parse(Buffer.from(String(raw ?? ''), 'base64').toString())
  } catch {
    throw bad('has a part that is not JSON')
  }
}
