// The API server as a whole: a store and kinds in, an in-process door (`resources`) and listeners out.
import { setMaxListeners } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import type { KindDef } from '../../schemas/kind.ts'
import type { Clock } from '../clock.ts'
import { ApiError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import { Gate, type TokenCheck } from './auth/gate.ts'
import type { ConnectSubresource } from './connect.ts'
import type { Admission, Completion, Core } from './core/core.ts'
import { CoreResources } from './core/resources.ts'
import { MAX_BODY_BYTES } from './http/body.ts'
import { EventLines } from './http/event-lines.ts'
import { LastChanges } from './http/last-changes.ts'
import { addRoutes, errorAnswer, sendAnswer } from './http/plugin.ts'
import { type ReadinessCheck, type Report, Router } from './http/router.ts'
import { type Listen, Listeners } from './listeners.ts'
import { Registry } from './registry.ts'
import type { Resources } from './resources.ts'
import { Upgrades } from './upgrades.ts'

const SLOW_WATCHER_MS = 30_000

export interface ApiServerOptions {
  readonly store: Store
  readonly kinds: readonly KindDef[]
  readonly clock: Clock
  readonly log: FastifyBaseLogger
  readonly admission?: readonly Admission[]
  readonly completions?: readonly Completion[]
  readonly connect?: readonly ConnectSubresource[]
  readonly reports?: readonly Report[]
  readonly readiness?: readonly ReadinessCheck[]
  /** Checks bearer tokens; without it every request over TCP is refused. */
  readonly tokens?: TokenCheck
  /** The program's version. */
  readonly version: string
  /** The name under which this server's own controllers write, in records of field owners. Default `berth`. */
  readonly component?: string
  /** Names under which clients may call this server over TCP, beside localhost, the machine's name and IP addresses. */
  readonly hostNames?: readonly string[]
  /** Milliseconds that a watcher may read nothing while events wait for it, then it is cut off. Default 30,000. */
  readonly slowWatcherMs?: number
}

export interface ApiServer {
  /** For tests: `app.inject` comes in as the in-process user. It never listens by itself. */
  readonly app: FastifyInstance
  /** Works before `listen` and until the store closes. */
  readonly resources: Resources
  /** Resolves when every listener is open. @throws Error, with words, when one cannot be opened (none stays open then) */
  listen(listen: Listen): Promise<void>
  /** Stops accepting, ends watches and streams, waits for the rest up to `deadlineMs` (5,000), then cuts. The store stays open. */
  close(deadlineMs?: number): Promise<void>
}

/** @throws Error for kinds that contradict each other */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const {
    store,
    kinds,
    clock,
    log,
    admission = [],
    completions = [],
    connect = [],
    reports = [],
    readiness = [],
    version,
    component = 'berth',
    hostNames = [],
  } = options
  const closing = new AbortController()
  // Every open watch and stream listens.
  setMaxListeners(0, closing.signal)
  const last = new LastChanges(store)
  const resources = new CoreResources(() => core)
  const core: Core = { store, registry: new Registry(kinds), clock, component, admission, completions, resources }
  const gate = new Gate({ tokens: options.tokens, hostNames })
  const router = new Router({ core, watches: { last, lines: new EventLines() }, connect, reports, readiness, version })
  const { app, handler } = createApp(log)
  addRoutes(app, {
    router,
    admit: (request) => gate.admit(request),
    closing: closing.signal,
    slowWatcherMs: options.slowWatcherMs ?? SLOW_WATCHER_MS,
  })
  await app.ready()
  const upgrades = new Upgrades({ connect, gate, log, closing: closing.signal })
  const listeners = new Listeners({ handler, upgrades, gate, log })
  return {
    app,
    resources,
    listen: (listen) => listeners.open(listen),
    close: async (deadlineMs = 5_000) => {
      closing.abort(new ApiError('ServiceUnavailable', 'the server is shutting down'))
      last.close()
      upgrades.close()
      await listeners.close(deadlineMs)
      await app.close()
    },
  }
}

/** A Fastify instance whose handler serves any number of listeners. */
function createApp(log: FastifyBaseLogger): { readonly app: FastifyInstance; readonly handler: RequestListener } {
  const handlers: RequestListener[] = []
  const app: FastifyInstance = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: true,
    frameworkErrors: (error, request, reply) => sendAnswer(reply, errorAnswer(error, request.log, String(request.id))),
    serverFactory: (handle) => {
      handlers.push(handle)
      return createServer(handle)
    },
  })
  const [handler] = handlers
  if (handler === undefined) throw new Error('Fastify made no handler')
  return { app, handler }
}
