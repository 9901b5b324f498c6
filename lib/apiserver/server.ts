// The API server as a whole: a store and kinds in, an in-process door (`resources`) and listeners out.
import { randomUUID } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import type { KindDef } from '../../schemas/kind.ts'
import type { Clock } from '../clock.ts'
import { ApiError } from '../errors.ts'
import { RateLimit } from '../rate-limit.ts'
import type { Store } from '../store/store.ts'
import { openAccessState } from './auth/access-state.ts'
import { Authorizer } from './auth/authorizer.ts'
import { noEscalation } from './auth/escalation.ts'
import { Gate } from './auth/gate.ts'
import { Guard } from './auth/guard.ts'
import { keepDefaultRoles } from './auth/keep-roles.ts'
import { DEFAULT_LIMITS, type RequestLimits } from './auth/limits.ts'
import type { Observe } from './auth/observe.ts'
import { reviewKinds } from './auth/reviews.ts'
import type { ConnectSubresource, ReadSubresource, Subresource } from './connect.ts'
import type { Admission, Completion, Core, WriteGuard } from './core/core.ts'
import { MAX_BODY_BYTES } from './http/body.ts'
import { EventLines } from './http/event-lines.ts'
import type { HealthCheck } from './http/health.ts'
import { LastChanges } from './http/last-changes.ts'
import { addRoutes, errorAnswer, sendAnswer } from './http/plugin.ts'
import { type Report, Router } from './http/router.ts'
import { LateResources } from './late-resources.ts'
import { type Listen, Listeners } from './listeners.ts'
import { Registry } from './registry.ts'
import type { Resources } from './resources.ts'
import { Upgrades } from './upgrades.ts'
import type { VirtualKind } from './virtual.ts'

const SLOW_WATCHER_MS = 30_000

export interface ApiServerOptions {
  readonly store: Store
  readonly kinds: readonly KindDef[]
  readonly clock: Clock
  readonly log: FastifyBaseLogger
  readonly guards?: readonly WriteGuard[]
  /** Become this server's resources, for those who need them to make one of the parts below. */
  readonly resources?: LateResources
  readonly admission?: readonly Admission[]
  readonly completions?: readonly Completion[]
  readonly connect?: readonly ConnectSubresource[]
  readonly reads?: readonly ReadSubresource[]
  readonly reports?: readonly Report[]
  readonly readiness?: readonly HealthCheck[]
  readonly liveness?: readonly HealthCheck[]
  /** The answer of `/metrics`, in Prometheus' text format. */
  readonly metrics?: () => Promise<string>
  /** Kinds that are asked, not stored, beside the reviews of access. */
  readonly virtual?: readonly VirtualKind[]
  /** Requests over TCP that one identity, and wrong credentials that one address, may send. */
  readonly limits?: RequestLimits
  /** Hears of every request and stream, refused ones too. */
  readonly observe?: Observe
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
  /** Makes the default roles and brings them up to date; for kinds of RBAC only. At each start, before `listen`. */
  keepDefaultRoles(): Promise<void>
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
    guards = [],
    admission = [],
    completions = [],
    connect = [],
    reads = [],
    reports = [],
    readiness = [],
    liveness = [],
    version,
    component = 'berth',
    hostNames = [],
  } = options
  const closing = new AbortController()
  const last = new LastChanges(store)
  const { resources = new LateResources() } = options
  const registry = new Registry(kinds)
  const access = await openAccessState(store, registry, clock)
  const authorizer = new Authorizer(access.rbac)
  const rules = [noEscalation({ authorizer, ...access }), ...admission]
  const core: Core = { store, registry, clock, component, guards, admission: rules, completions, resources }
  resources.bind(core)
  const limits = options.limits ?? DEFAULT_LIMITS
  const failures = new RateLimit({ clock, ...limits.wrongCredentials })
  const gate = new Gate({ tokens: access.tokens, hostNames, clock, failures })
  const guard = new Guard({
    gate,
    authorizer,
    clock,
    requests: new RateLimit({ clock, ...limits.requests }),
    ...(options.observe === undefined ? {} : { observe: options.observe }),
  })
  access.onChange(() => guard.recheck())
  const router = new Router({
    core,
    watches: { last, lines: new EventLines() },
    connect,
    reads,
    reports,
    readiness,
    liveness,
    version,
    authorizer,
    virtual: [...reviewKinds({ authorizer, tokens: access.tokens }), ...(options.virtual ?? [])],
    ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
  })
  const { app, handler } = createApp(log, guard)
  addRoutes(app, {
    router,
    guard,
    closing: closing.signal,
    slowWatcherMs: options.slowWatcherMs ?? SLOW_WATCHER_MS,
  })
  await app.ready()
  const upgrades = new Upgrades({ connect, guard, log, closing: closing.signal })
  const listeners = new Listeners({ handler, upgrades, gate, log })
  return {
    app,
    resources,
    keepDefaultRoles: () =>
      keepDefaultRoles(resources, { kinds, ...extraResources([...connect, ...reads], reports, options.virtual ?? []) }),
    listen: (listen) => listeners.open(listen),
    close: async (deadlineMs = 5_000) => {
      const reason = new ApiError('ServiceUnavailable', 'the server is shutting down')
      closing.abort(reason)
      last.close()
      access.stop()
      upgrades.close()
      guard.close(reason)
      await listeners.close(deadlineMs)
      await app.close()
    },
  }
}

/** A Fastify instance whose handler serves any number of listeners. */
function createApp(
  log: FastifyBaseLogger,
  guard: Guard,
): { readonly app: FastifyInstance; readonly handler: RequestListener } {
  const handlers: RequestListener[] = []
  const app: FastifyInstance = Fastify({
    loggerInstance: log,
    genReqId: () => randomUUID(),
    logController: new LogController({ disableRequestLogging: true }),
    // Nothing is logged of most requests, and what is names its request itself.
    childLoggerFactory: (logger) => logger,
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: true,
    frameworkErrors: (error, request, reply) => {
      // Such requests meet no hook: a stranger is told here, too, that strangers are told nothing.
      const { id } = request
      const exchange = guard.begin(request.raw, id)
      const refusal = refusalOf(() => guard.admit(request.raw, exchange))
      const answer = errorAnswer(refusal ?? error, request.log, id)
      guard.tell(exchange, 'ended', answer.code)
      return sendAnswer(reply, answer)
    },
    serverFactory: (handle) => {
      handlers.push(handle)
      return createServer(handle)
    },
  })
  const [handler] = handlers
  if (handler === undefined) throw new Error('Fastify made no handler')
  return { app, handler }
}

/** The 401, 403 or 429 that a request deserves before anything else; null when it may come in. */
function refusalOf(admit: () => unknown): ApiError | null {
  try {
    admit()
    return null
  } catch (error) {
    return error instanceof ApiError && error.reason !== 'BadRequest' ? error : null
  }
}

/** What roles can name beside kinds. A picture of a screen is seen by who may see the screen. */
const extraResources = (
  subresources: readonly Subresource[],
  reports: readonly Report[],
  virtual: readonly VirtualKind[],
) => ({
  streams: namesOf(subresources, 'people'),
  ofNodes: namesOf(subresources, 'nodes'),
  askedByNodes: askedBy(virtual, 'nodes'),
  askedByJoiners: askedBy(virtual, 'joiners'),
  askedByViewers: askedBy(virtual, 'viewers'),
  askedOfInfrastructure: askedBy(virtual, 'infrastructure'),
  reports: reports
    .filter(({ restricted }) => restricted !== true)
    .map(({ group, name }) => ({ group, resource: name })),
})

const askedBy = (virtual: readonly VirtualKind[], audience: NonNullable<VirtualKind['audience']>) =>
  virtual.filter((one) => one.audience === audience).map(({ kind: { group, plural } }) => ({ group, resource: plural }))

const namesOf = (subresources: readonly Subresource[], audience: NonNullable<Subresource['audience']>) =>
  subresources
    .filter((one) => (one.audience ?? 'people') === audience)
    .map(({ group, plural, name }) => ({ group, resource: `${plural}/${name}` }))
