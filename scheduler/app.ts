// Puts the scheduler together: store, API, and what cluster.ts plugs into them.
import { hostname } from 'node:os'
import type { Logger } from 'pino'
import { LateResources } from '../lib/apiserver/late-resources.ts'
import { apiMetrics } from '../lib/apiserver/metrics.ts'
import { createApiServer } from '../lib/apiserver/server.ts'
import type { Clock } from '../lib/clock.ts'
import { EventRecorder } from '../lib/controllers/event-recorder.ts'
import { createGarbageCollector } from '../lib/controllers/garbage-collector.ts'
import { createNamespaceController } from '../lib/controllers/namespace.ts'
import { ownerIndexes } from '../lib/controllers/owners.ts'
import { moveOptionsAreKnown } from '../lib/operations/admission.ts'
import { oneDefaultPriority, priorityClassExists } from '../lib/placement/priority-admission.ts'
import { sizeFitsClass, startPriorityIsNumber } from '../lib/server/admission.ts'
import { classByDefault, oneDefaultClass } from '../lib/server/default-class.ts'
import { createFirstObjects } from '../lib/server/first-objects.ts'
import { openFoundation } from '../lib/server/foundation.ts'
import { openListeners, requestLimits } from '../lib/server/listen.ts'
import { resourceLabels } from '../lib/server/metrics.ts'
import { type Overload, OverloadWatch } from '../lib/server/overload.ts'
import type { RunningServer, ServerStart } from '../lib/server/program.ts'
import { storeAnswers, storeReady, watchStore } from '../lib/server/store-trouble.ts'
import { KINDS } from '../schemas/index.ts'
import { createCluster } from './cluster.ts'
import { type SchedulerConfig, servedOf } from './config.ts'
import type { SchedulerCore } from './core.ts'
import { CLUSTER_INDEXES } from './indexes.ts'
import { refuseLostDatabase } from './lost.ts'
import { ClusterAuthority } from './membership/authority.ts'
import { Members } from './membership/members.ts'
import { SCHEDULER_METRICS } from './metrics/catalogue.ts'
import { overloadCollector } from './metrics/collectors.ts'
import { DELETION_ORDER } from './names.ts'
import { NO_SEAMS, type SchedulerSeams } from './seams.ts'

/** Under this name the scheduler records events and the fields that it owns. */
const COMPONENT = 'berth-scheduler'

export interface SchedulerOptions extends ServerStart {
  readonly config: SchedulerConfig
  readonly log: Logger
  readonly clock: Clock
  readonly version: string
  /** For tests. */
  readonly seams?: SchedulerSeams
}

/** Resolves when the API listens. @throws with words for the operator when it cannot */
export async function startScheduler({
  config,
  log,
  clock,
  version,
  onFailed,
  seams = NO_SEAMS,
}: SchedulerOptions): Promise<RunningServer> {
  const { store, reader, metrics, observer, access, audit, ask } = await openFoundation({
    served: servedOf(config),
    component: COMPONENT,
    version,
    kinds: KINDS,
    indexes: { ...ownerIndexes(KINDS), ...CLUSTER_INDEXES },
    catalogue: SCHEDULER_METRICS,
    clock,
    log,
    folderMode: 0o700,
    check: refuseLostDatabase,
    storeSeam: seams.store,
  })
  const resources = new LateResources()
  const events = new EventRecorder({ reader, resources, clock, log, component: COMPONENT, instance: hostname() })
  const authority = await ClusterAuthority.open(config.stateDir, clock, seams.onAuthorityStep)
  const members = new Members({ reader, authority, version })
  const core: SchedulerCore = {
    config,
    version,
    log,
    clock,
    reader,
    resources,
    events,
    store,
    authority,
    members,
    fence: seams.fence,
    metrics,
    observer,
  }
  const cluster = createCluster(core)
  const load = new OverloadWatch({ clock, log, queues: () => observer.latest(), onChange: () => undefined })
  metrics.collect(overloadCollector(load))
  const { admission, completions, reports, readiness, ...added } = cluster.api
  const api = apiMetrics({ counts: metrics, resources: resourceLabels(KINDS, [...added.connect, ...added.reads]) })
  metrics.collect(api.collector)
  const server = await createApiServer({
    store,
    resources,
    kinds: KINDS,
    clock,
    log,
    version,
    component: COMPONENT,
    hostNames: [hostname(), ...config.names],
    limits: requestLimits(config),
    admission: [
      priorityClassExists,
      oneDefaultPriority(reader),
      sizeFitsClass,
      startPriorityIsNumber,
      oneDefaultClass(reader),
      moveOptionsAreKnown,
      ...admission,
    ],
    completions: [classByDefault(reader), ...completions],
    reports: [...reports, ...(audit === null ? [] : [audit.report])],
    observe: (exchange, outcome) => {
      api.observe(exchange, outcome)
      audit?.observe(exchange, outcome)
    },
    metrics: () => metrics.scrape(),
    liveness: [storeAnswers(ask)],
    readiness: [storeReady(store), ...readiness],
    ...added,
  })
  await createFirstObjects(resources, config.stateDir)
  await server.keepDefaultRoles()
  const controllers = [
    createGarbageCollector({ reader, resources, kinds: KINDS, clock, log, observer }),
    createNamespaceController({ reader, resources, order: DELETION_ORDER, clock, log, observer }),
    ...cluster.controllers,
  ]
  await openListeners(server, config, access, () => authority.identity)
  const keeping = new AbortController()
  void access.tls.keep(log, keeping.signal)
  void authority.keep(log, keeping.signal)
  for (const controller of controllers) controller.start()
  events.start()
  cluster.start()
  load.start()
  const unwatch = watchStore(store, { onFailed, resync: () => controllers })
  return {
    settled: cluster.settled,
    status: () => statusLine(cluster.status(), load.overload()),
    ask,
    meanwhile: 'hosts and guests go on',
    stop: async () => {
      unwatch()
      keeping.abort()
      await server.close()
      await audit?.close()
      await load.stop()
      await cluster.stop()
      await members.stop()
      await Promise.all(controllers.map((controller) => controller.stop()))
      await events.stop()
      reader.stop()
      await store.close()
    },
  }
}

const statusLine = (status: string, overload: Overload | null): string =>
  overload === null ? status : `${status}; does not keep up: ${overload.message}`
