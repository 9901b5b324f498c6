// Byte streams of a subresource (console) over a websocket, on the same socket or TLS connection as the API.
import { connect as connectSocket } from 'node:net'
import WebSocket from 'ws'
import { ApiError } from '../errors.ts'
import { answerError, UnreachableError } from './errors.ts'
import { authHeaders, type Target } from './target.ts'
import { type Query, queryText } from './transport.ts'

/** Raw bytes in binary messages, as DVP's clients ask for it. */
export const PLAIN_PROTOCOL = 'plain.virtualization.deckhouse.io'

/** How a stream ended. 1000 is an orderly end, 1006 a lost connection, 4001 a take-over by someone else. */
export interface StreamEnd {
  readonly code: number
  readonly reason: string
}

/** A stream's two directions. It ends by itself, by `close`, or by the signal it was opened with. */
export interface ByteStream {
  /** What the other side sends, in order; ends when the stream ends. One reader only. */
  readonly readable: AsyncIterable<Uint8Array>
  /** Resolves when the bytes have left, so that a slow stream slows its writer. Rejects when the stream has ended. */
  write(chunk: Uint8Array): Promise<void>
  close(): void
  readonly ended: Promise<StreamEnd>
}

export interface OpenStream {
  readonly path: string
  readonly query?: Query
  readonly userAgent: string
  readonly signal?: AbortSignal
  readonly handshakeMs?: number
}

const HANDSHAKE_MS = 15_000
const CLOSE_MS = 2_000
const MAX_MESSAGE_BYTES = 1_048_576
const MAX_REFUSAL_BYTES = 1_048_576
/** Bytes received and not yet read before the sender is paused. */
const HIGH_WATER_BYTES = 262_144

/** @throws ApiError when the server refuses (with its words), UnreachableError, or the signal's reason. */
export async function openStream(target: Target, open: OpenStream): Promise<ByteStream> {
  open.signal?.throwIfAborted()
  const { socketPath } = target
  const url = `${target.origin.replace(/^http/, 'ws')}${target.prefix}${open.path}${queryText(open.query)}`
  const socket = new WebSocket(url, [PLAIN_PROTOCOL], {
    ...target.tls,
    ...(socketPath === undefined ? {} : { createConnection: () => connectSocket(socketPath) }),
    headers: { 'user-agent': open.userAgent, ...authHeaders(target) },
    handshakeTimeout: open.handshakeMs ?? HANDSHAKE_MS,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    followRedirects: false,
  })
  const stream = receive(socket)
  const onAbort = () => stream.close()
  open.signal?.addEventListener('abort', onAbort, { once: true })
  void stream.ended.then(() => open.signal?.removeEventListener('abort', onAbort))
  await opened(socket, target.label, open.signal)
  return stream
}

function opened(socket: WebSocket, label: string, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: unknown) => reject(signal?.aborted ? signal.reason : error)
    socket.once('open', resolve)
    socket.on('error', (error) => failed(new UnreachableError(label, error)))
    socket.once('unexpected-response', (request, response) => {
      const chunks: Buffer[] = []
      let size = 0
      const refuse = () => {
        request.destroy()
        failed(answerError(response.statusCode ?? 500, Buffer.concat(chunks).toString('utf8')))
      }
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_REFUSAL_BYTES) return refuse()
        chunks.push(chunk)
      })
      response.once('end', refuse)
      response.once('error', refuse)
    })
  })
}

/** Attaches before the handshake, so that no early message is lost. */
function receive(socket: WebSocket): ByteStream {
  const chunks: Uint8Array[] = []
  let held = 0
  let wake: (() => void) | undefined
  const nudge = () => {
    wake?.()
    wake = undefined
  }
  const ended = new Promise<StreamEnd>((resolve) => {
    socket.once('close', (code, reason) => {
      resolve({ code, reason: reason.toString('utf8') })
      nudge()
    })
  })
  socket.on('message', (data: WebSocket.RawData) => {
    const chunk = toBytes(data)
    chunks.push(chunk)
    held += chunk.length
    if (held > HIGH_WATER_BYTES) socket.pause()
    nudge()
  })
  async function* read(): AsyncIterable<Uint8Array> {
    for (;;) {
      const chunk = chunks.shift()
      if (chunk !== undefined) {
        held -= chunk.length
        if (socket.isPaused && held <= HIGH_WATER_BYTES / 2) socket.resume()
        yield chunk
      } else if (socket.readyState === WebSocket.CLOSED) return
      else
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
  }
  return {
    readable: read(),
    write: (chunk) =>
      new Promise((resolve, reject) => {
        socket.send(chunk, { binary: true }, (error) => {
          if (error) reject(new ApiError('ServiceUnavailable', 'the stream has ended', {}, { cause: error }))
          else resolve()
        })
      }),
    close: () => {
      if (socket.readyState === WebSocket.CLOSED) return
      if (socket.isPaused) socket.resume()
      socket.close(1000)
      // A server that never answers the close frame must not hold the client.
      const timer = setTimeout(() => socket.terminate(), CLOSE_MS)
      socket.once('close', () => clearTimeout(timer))
    },
    ended,
  }
}

function toBytes(data: WebSocket.RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data
}
