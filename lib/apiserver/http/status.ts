// `Status` objects: how every refusal and every plain success looks on the wire.
import { ApiError, STATUS_CODES, type StatusReason } from '../../errors.ts'
import type { JsonObject } from '../core/json.ts'

/** The `Status` of an error (meta/v1 Status; causes name their field). */
export function statusOf(error: ApiError): JsonObject {
  const { causes, ...details } = error.details
  const all = {
    ...details,
    ...(causes ? { causes: causes.map(({ path, reason, message }) => ({ reason, message, field: path })) } : {}),
  }
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: error.message,
    reason: error.reason,
    ...(Object.keys(all).length > 0 ? { details: all } : {}),
    code: error.code,
  }
}

export const successStatus = (details: JsonObject): JsonObject => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  details,
})

/** Faults of the HTTP layer below (`statusCode` of Fastify's errors) in the API's words. Null for anything else. */
export function httpFault(error: unknown): ApiError | null {
  const code = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined
  if (typeof code !== 'number' || code < 400 || code >= 500) return null
  const reason = (Object.keys(STATUS_CODES) as StatusReason[]).find((name) => STATUS_CODES[name] === code)
  if (reason === 'RequestEntityTooLarge') return new ApiError(reason, 'the body of the request is too large')
  return new ApiError(reason ?? 'BadRequest', 'the request is not valid HTTP for this server')
}
