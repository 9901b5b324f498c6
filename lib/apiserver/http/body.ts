// Bodies of requests: bounded, JSON or YAML, never deeper or stranger than an object of this API can be.
import { ApiError, messageOf } from '../../errors.ts'
import { MAX_OBJECT_BYTES } from '../../store/store.ts'
import { checkShape, isRecord, type JsonObject } from '../core/json.ts'
import { PROTOBUF, parseProtobuf } from './protobuf.ts'
import { parseYaml } from './yaml-body.ts'

/** Bytes of a request's body at most (as Kubernetes). */
export const MAX_BODY_BYTES = 3_145_728

/** `application/json; charset=utf-8` -> `application/json`. */
export const mediaType = (contentType: string | undefined): string =>
  (contentType?.split(';')[0] ?? '').trim().toLowerCase()

/** The value in a body of JSON, YAML or, for core kinds, protobuf. @throws ApiError BadRequest, UnsupportedMediaType */
export function parseBody(body: Buffer, type: string): unknown {
  if (type === '' || type === 'application/json') return parseJson(body)
  if (type === 'application/yaml' || type === 'application/x-yaml' || type === 'text/yaml')
    return checked(parseYaml(utf8(body)))
  if (type === PROTOBUF) return checked(parseProtobuf(body))
  throw new ApiError(
    'UnsupportedMediaType',
    `the body is of type ${JSON.stringify(type.slice(0, 100))}; send application/json or application/yaml`,
  )
}

export function parseJson(body: Buffer): unknown {
  if (body.length === 0) throw new ApiError('BadRequest', 'the request has no body')
  let value: unknown
  try {
    value = JSON.parse(utf8(body))
  } catch (error) {
    // The parser's own words can quote the text, which may be a secret: only the place is told.
    const place = /position (\d+)/.exec(messageOf(error))?.[1]
    throw new ApiError(
      'BadRequest',
      `the body is not valid JSON${place === undefined ? '' : ` (at position ${place})`}`,
    )
  }
  return checked(value)
}

function checked(value: unknown): unknown {
  checkShape(value)
  return value
}

const UTF8 = new TextDecoder('utf-8', { fatal: true })

function utf8(body: Buffer): string {
  try {
    return UTF8.decode(body)
  } catch {
    throw new ApiError('BadRequest', 'the body is not UTF-8 text')
  }
}

/** An object to apply: YAML, of which JSON is a part. @throws ApiError BadRequest, RequestEntityTooLarge */
export const applyBody = (body: Buffer): JsonObject =>
  objectBody(body, body.toString('latin1', 0, 64).trimStart().startsWith('{') && isJson(body) ? '' : 'application/yaml')

/** YAML flow mappings begin like JSON. */
function isJson(body: Buffer): boolean {
  try {
    JSON.parse(body.toString())
    return true
  } catch {
    return false
  }
}

/** An object to create or to put in the place of another. @throws ApiError BadRequest, RequestEntityTooLarge */
export function objectBody(body: Buffer, type: string): JsonObject {
  if (body.length > MAX_OBJECT_BYTES)
    throw new ApiError('RequestEntityTooLarge', `an object may have at most ${MAX_OBJECT_BYTES} bytes`)
  const value = parseBody(body, type)
  if (!isRecord(value)) throw new ApiError('BadRequest', 'the body must be an object')
  return value
}
