// The API on Fastify: one route, as paths are checked and taken apart by our own parser; errors leave as `Status`.
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ApiError, messageOf } from '../../errors.ts'
import type { Admitted, Guard } from '../auth/guard.ts'
import type { Exchange } from '../auth/observe.ts'
import { type Answer, json } from './answer.ts'
import { MAX_BODY_BYTES } from './body.ts'
import { sendContent } from './content.ts'
import { sendOpen } from './open-answer.ts'
import { Pacer } from './pacer.ts'
import { responseSink } from './response-sink.ts'
import type { Router } from './router.ts'
import { httpFault, statusOf } from './status.ts'
import type { Watch } from './watch.ts'

export interface PluginOptions {
  readonly router: Router
  /** Refuses who may not come in, and what they may not do. */
  readonly guard: Guard
  /** Aborted when the server closes. */
  readonly closing: AbortSignal
  /** Milliseconds that a watcher may leave its socket full before it is cut off; it can resume from its last revision. */
  readonly slowWatcherMs: number
}

/** Watches that open in one turn of the event loop; clients come back in crowds. */
const WATCHES_PER_TURN = 20
/** As nginx: the client closed the connection before there was an answer. */
const ABORTED = 499
/** Where a request keeps what the first hook found out about it. */
const KNOWN = 'known'

interface Known {
  readonly exchange: Exchange
  readonly admitted: Admitted
}

export function addRoutes(app: FastifyInstance, options: PluginOptions): void {
  const { router, guard, closing } = options
  const openings = new Pacer(WATCHES_PER_TURN)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES }, (_request, body, done) =>
    done(null, body),
  )
  app.decorateRequest(KNOWN, null)
  // Before the body is read: a stranger does not get to send three megabytes. What is thrown is answered; a promise, which costs a turn
  // of every request, is not needed.
  app.addHook('onRequest', (request, reply, next) => {
    const exchange = guard.begin(request.raw, request.id)
    reply.raw.once('close', () => guard.tell(exchange, 'ended', reply.raw.headersSent ? reply.raw.statusCode : ABORTED))
    request.setDecorator<Known>(KNOWN, { exchange, admitted: guard.admit(request.raw, exchange) })
    if (closing.aborted) throw new ApiError('ServiceUnavailable', 'the server is shutting down')
    const encoding = request.headers['content-encoding'] ?? 'identity'
    if (encoding !== 'identity') throw new ApiError('UnsupportedMediaType', 'compressed bodies are not taken')
    next()
  })
  app.setErrorHandler((error, request, reply) => sendAnswer(reply, errorAnswer(error, request.log, request.id)))
  const handle = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const known = request.getDecorator<Known | null>(KNOWN)
    if (known === null) throw new ApiError('Unauthorized', 'the request was not authenticated')
    const { exchange, admitted } = known
    const body = Buffer.isBuffer(request.body) ? request.body : undefined
    const { method, headers } = request
    const answer = await router.route(admitted, { method, headers, query: admitted.query, body })
    if ('run' in answer) {
      await openings.next()
      guard.tell(exchange, 'started', 200)
      return stream(answer, reply, { ...options, admitted }, request.log)
    }
    if ('chunks' in answer) return sendContent(answer, reply, { ...options, admitted }, request.log)
    if (answer.made !== undefined) exchange.objectName = answer.made
    return sendAnswer(reply, answer)
  }
  app.all('/*', handle)
  app.setNotFoundHandler(() => {
    throw new ApiError('MethodNotAllowed', 'the method is not known here')
  })
}

/** Past Fastify's own serialization, which would rewrite content types like `application/json;as=Table`. */
export function sendAnswer(reply: FastifyReply, { code, type, body, bytes, headers }: Answer): FastifyReply {
  reply.hijack()
  const all: Record<string, string | number> = {
    'content-type': type,
    'content-length': bytes ?? Buffer.byteLength(body),
    'cache-control': 'no-cache, private',
    'audit-id': reply.request.id,
  }
  // What is left of a body that was refused is not read to its end.
  if (!reply.request.raw.complete) all.connection = 'close'
  if (headers !== undefined) Object.assign(all, headers)
  reply.raw.writeHead(code, all)
  reply.raw.end(body)
  return reply
}

/** The answer to anything thrown. What is not an `ApiError` is logged under the request's id and told to nobody. */
export function errorAnswer(error: unknown, log: FastifyBaseLogger, id: string): Answer {
  const known = error instanceof ApiError ? error : httpFault(error)
  if (known === null) log.error({ err: error, request: id }, 'a request failed')
  else if (known.code >= 500)
    log.error({ request: id, reason: known.reason, cause: messageOf(known.cause ?? known) }, 'a request failed')
  const told = known ?? new ApiError('InternalError', `an internal error happened; the log has it under ${id}`)
  const answer = json(statusOf(told), told.code)
  const headers: Record<string, string> = {}
  if (told.reason === 'Unauthorized') headers['www-authenticate'] = 'Bearer realm="berth"'
  if (told.details.retryAfterSeconds !== undefined) headers['retry-after'] = String(told.details.retryAfterSeconds)
  return { ...answer, headers }
}

const stream = (
  watch: Watch,
  reply: FastifyReply,
  { slowWatcherMs, guard, admitted }: PluginOptions & { readonly admitted: Admitted },
  log: FastifyBaseLogger,
): Promise<FastifyReply> =>
  sendOpen(reply, {
    ...{ code: 200, headers: { 'content-type': 'application/json' }, guard, admitted, log },
    what: 'a watch',
    write: (raw, { gone, over }) => {
      raw.flushHeaders()
      return watch.run(responseSink(raw, gone, slowWatcherMs), over)
    },
  })
