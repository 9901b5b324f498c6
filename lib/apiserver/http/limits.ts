// What a connection may take before it has said what it wants, and what is answered to bytes that are no request.
import type { Duplex } from 'node:stream'
import { ApiError, type StatusReason } from '../../errors.ts'
import { statusOf } from './status.ts'

/** Of Node's HTTP servers; milliseconds where not said otherwise. */
export const HTTP_LIMITS = {
  /** Bytes of a request's headers. */
  maxHeaderSize: 32_768,
  /** Headers must be complete within this time, which begins with the connection. */
  headersTimeout: 20_000,
  /** A whole request, body included, within this time; watches are answers and not meant. */
  requestTimeout: 60_000,
  /** How often the two above are looked at. */
  connectionsCheckingInterval: 5_000,
  /** An idle connection is kept for the next request; a TLS handshake costs more. */
  keepAliveTimeout: 60_000,
} as const

/** A TLS handshake must be over within this time. */
export const HANDSHAKE_MS = 10_000
/** Connections of one TCP listener at most, strangers' included; further ones are closed at once. */
export const MAX_CONNECTIONS = 20_000

interface Refusal {
  readonly line: string
  readonly reason: StatusReason
  readonly words: string
}

const REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: {
    line: '431 Request Header Fields Too Large',
    reason: 'BadRequest',
    words: `the headers have more than ${HTTP_LIMITS.maxHeaderSize} bytes`,
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    line: '408 Request Timeout',
    reason: 'Timeout',
    words: 'the request did not arrive in time',
  },
}
const NO_HTTP: Refusal = { line: '400 Bad Request', reason: 'BadRequest', words: 'the request is not valid HTTP' }

/** For `clientError`: says in a `Status` why the connection ends. */
export function answerBroken(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy()
  const { line, reason, words } = REFUSALS[error.code ?? ''] ?? NO_HTTP
  const body = `${JSON.stringify({ ...statusOf(new ApiError(reason, words)), code: Number(line.slice(0, 3)) })}\n`
  const head = ['Connection: close', 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]
  // A peer that does not read it is not waited for.
  socket.end(`HTTP/1.1 ${line}\r\n${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}
