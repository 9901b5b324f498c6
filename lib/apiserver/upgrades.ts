// Websocket upgrades: authenticated and checked as every request, refused with a `Status`, then handed to the stream's owner.
import { randomUUID } from 'node:crypto'
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyBaseLogger } from 'fastify'
import { type WebSocket, WebSocketServer } from 'ws'
import { ApiError, messageOf } from '../errors.ts'
import { linkedAbort } from '../linked-abort.ts'
import type { Admitted, Guard } from './auth/guard.ts'
import type { Exchange } from './auth/observe.ts'
import { type ConnectSubresource, type ConnectTarget, findSubresource, type OpenedStream } from './connect.ts'
import { noSuchPath } from './http/path.ts'
import { errorAnswer } from './http/plugin.ts'

const CHECK_MS = 10_000
/** A peer that answers no ping for two of these is gone. */
const PING_MS = 30_000
const CLOSE_MS = 2_000
/** Bytes of one message from a client at most. */
const MAX_MESSAGE_BYTES = 1_048_576
const GOING_AWAY = 1001
const NORMAL = 1000
const SERVER_FAULT = 1011
const POLICY = 1008
const SWITCHING = 101
const BAD_REQUEST = 400

export interface UpgradesOptions {
  readonly connect: readonly ConnectSubresource[]
  readonly guard: Guard
  readonly log: FastifyBaseLogger
  readonly closing: AbortSignal
}

interface Handshake {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
  readonly exchange: Exchange
}

/** Whose stream it is. */
interface Opener {
  readonly admitted: Admitted
  /** Its id. */
  readonly request: string
}

export class Upgrades {
  readonly #options: UpgradesOptions
  readonly #server: WebSocketServer

  constructor(options: UpgradesOptions) {
    this.#options = options
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: true,
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
      handleProtocols: (_asked, request) => chosen.get(request) ?? false,
    })
    // With a listener it leaves the answer to us.
    this.#server.on('wsClientError', (error, _socket, request) => void faults.set(request, error))
  }

  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy())
    if (socket instanceof Socket) socket.setKeepAlive(true, PING_MS)
    const { guard, log } = this.#options
    const exchange = guard.begin(request, randomUUID())
    this.#open({ request, socket, head, exchange }).catch((error: unknown) => {
      const answer = errorAnswer(error, log, exchange.id)
      refuse(socket, answer)
      guard.tell(exchange, 'ended', answer.code)
    })
  }

  /** Ends every stream. */
  close(): void {
    for (const client of this.#server.clients) end(client, GOING_AWAY, 'the server is shutting down')
  }

  async #open({ request, socket, head, exchange }: Handshake): Promise<void> {
    const { connect, guard, closing } = this.#options
    const admitted = guard.admit(request, exchange)
    if (closing.aborted) throw new ApiError('ServiceUnavailable', 'the server is shutting down')
    const { target: path, query } = admitted
    const stream = path.at === 'resource' ? findSubresource(connect, path) : undefined
    if (stream === undefined || path.at !== 'resource' || path.namespace === null || path.name === null)
      throw noSuchPath()
    if (request.method !== 'GET') throw new ApiError('MethodNotAllowed', 'a websocket is opened with GET')
    const { user, client } = admitted.caller
    const target: ConnectTarget = {
      namespace: path.namespace,
      name: path.name,
      query,
      user,
      client,
      request: exchange.id,
    }
    choose(stream, request)
    const check = linkedAbort([closing], CHECK_MS)
    const opened = await farEnd(stream, target, check.signal).finally(() => check.release())
    let upgraded = false
    if (!socket.destroyed)
      this.#server.handleUpgrade(request, socket, head, (client) => {
        upgraded = true
        guard.tell(exchange, 'started', SWITCHING)
        this.#serve(stream, opened, client, { admitted, request: exchange.id })
          .catch((error: unknown) =>
            this.#options.log.error({ err: error, stream: stream.name, request: target.request }, 'a stream failed'),
          )
          .finally(() => guard.tell(exchange, 'ended', SWITCHING))
      })
    if (upgraded) return
    // The client left, or its handshake was wrong.
    opened.drop()
    const fault = faults.get(request)
    if (fault !== undefined) throw new ApiError('BadRequest', `this is no websocket handshake: ${fault.message}`)
    guard.tell(exchange, 'ended', BAD_REQUEST)
  }

  async #serve(
    stream: ConnectSubresource,
    opened: OpenedStream,
    client: WebSocket,
    { admitted, request }: Opener,
  ): Promise<void> {
    const held = this.#options.guard.hold(admitted)
    // The client hears why before the stream hears that it is over.
    const onEnd = () => end(client, POLICY, messageOf(held.signal.reason))
    held.signal.addEventListener('abort', onEnd, { once: true })
    const over = linkedAbort([held.signal])
    let gone = false
    client.once('close', () => {
      gone = true
      over.abort(new Error('the client is gone'))
    })
    client.on('error', () => client.terminate())
    const stopPings = keepAlive(client, stream.patient === true)
    try {
      await opened.connect(client, over.signal)
      end(client, NORMAL, '')
    } catch (error) {
      if (gone) return
      const told = error instanceof ApiError ? error.message : 'an internal error happened'
      if (!(error instanceof ApiError))
        this.#options.log.error({ err: error, stream: stream.name, request }, 'a stream failed')
      end(client, SERVER_FAULT, told)
    } finally {
      stopPings()
      over.release()
      held.release()
    }
  }
}

/** What is wrong with handshakes, told while they are looked at. */
const faults = new WeakMap<IncomingMessage, Error>()

/** The subprotocol picked for a request, between the check and the handshake. */
const chosen = new WeakMap<IncomingMessage, string>()

/** @throws ApiError BadRequest when a client asks only for protocols that the stream does not speak */
function choose(stream: ConnectSubresource, request: IncomingMessage): void {
  const asked = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  const named = asked.filter((name) => name !== '')
  if (named.length === 0) return
  const protocol = named.find((name) => stream.protocols.includes(name))
  if (protocol === undefined)
    throw new ApiError(
      'BadRequest',
      `none of the subprotocols asked for is spoken here, only ${stream.protocols.join(', ')}`,
    )
  chosen.set(request, protocol)
}

/** Checks, and opens what must be open before the upgrade. @throws ApiError */
async function farEnd(stream: ConnectSubresource, target: ConnectTarget, signal: AbortSignal): Promise<OpenedStream> {
  await stream.check(target, signal)
  if (stream.open !== undefined) return await stream.open(target, signal)
  return { connect: (client, over) => stream.connect(target, client, over), drop: () => undefined }
}

/** The pings also keep the connection known to what lies between, so a patient stream has them too. */
function keepAlive(client: WebSocket, patient: boolean): () => void {
  let alive = true
  client.on('pong', () => {
    alive = true
  })
  const timer = setInterval(() => {
    // A stream that holds its client back does not hear pongs either.
    if (client.isPaused) return
    if (!alive && !patient) return client.terminate()
    alive = false
    client.ping()
  }, PING_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** Says goodbye, and cuts when there is no answer. The reason is cut to what a close frame holds (123 bytes). */
function end(client: WebSocket, code: number, reason: string): void {
  client.close(
    code,
    Buffer.from(reason)
      .subarray(0, 120)
      .toString('utf8')
      .replace(/\uFFFD+$/, ''),
  )
  const cut = setTimeout(() => client.terminate(), CLOSE_MS)
  client.once('close', () => clearTimeout(cut))
}

function refuse(socket: Duplex, { code, type, body, headers = {} }: ReturnType<typeof errorAnswer>): void {
  if (!socket.writable) return void socket.destroy()
  const lines = Object.entries({ ...headers, 'content-type': type, connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}`,
  )
  socket.end(
    `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? 'Error'}\r\n${lines.join('\r\n')}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}
