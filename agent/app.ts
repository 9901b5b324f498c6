// Puts the agent together: store, API, then, as soon as libvirt answers, everything that lives on it.
// The API answers from the first second, with or without libvirt.
import { hostname } from 'node:os'
import type { Logger } from 'pino'
import { apiMetrics } from '../lib/apiserver/metrics.ts'
import { createApiServer } from '../lib/apiserver/server.ts'
import type { Clock } from '../lib/clock.ts'
import { EventRecorder } from '../lib/controllers/event-recorder.ts'
import { createGarbageCollector } from '../lib/controllers/garbage-collector.ts'
import { createNamespaceController } from '../lib/controllers/namespace.ts'
import { ownerIndexes } from '../lib/controllers/owners.ts'
import { moveOptionsAreKnown, movesNeedScheduler } from '../lib/operations/admission.ts'
import { oneDefaultPriority, priorityClassExists } from '../lib/placement/priority-admission.ts'
import { sizeFitsClass, startPriorityIsNumber } from '../lib/server/admission.ts'
import { classByDefault, oneDefaultClass } from '../lib/server/default-class.ts'
import { createFirstObjects } from '../lib/server/first-objects.ts'
import { openFoundation } from '../lib/server/foundation.ts'
import { openListeners, requestLimits } from '../lib/server/listen.ts'
import { resourceLabels } from '../lib/server/metrics.ts'
import { storeAnswers, storeReady, watchStore } from '../lib/server/store-trouble.ts'
import { AGENT_KINDS } from '../schemas/index.ts'
import { createBindingControllers } from './binding-controllers.ts'
import { openCluster } from './cluster/index.ts'
import { type AgentConfig, servedOf } from './config.ts'
import { STORAGE_INDEXES } from './controllers/virtualdisk/users.ts'
import type { AgentCore } from './core.ts'
import { baselineKind } from './host/baseline-question.ts'
import { hostReport } from './host-report.ts'
import { ContentRead } from './images/content-read.ts'
import { chooseSockets } from './libvirt-sockets.ts'
import { Lifeline } from './lifeline.ts'
import { heldForScheduler } from './membership/held.ts'
import { leaseDoor } from './membership/lease-door.ts'
import { Membership } from './membership/membership.ts'
import { membershipRequests } from './membership/requests.ts'
import { AGENT_METRICS } from './metrics/catalogue.ts'
import { leaseCollector } from './metrics/host.ts'
import { collectAgent, countCalls } from './metrics/index.ts'
import { handoverKind } from './migration/handover.ts'
import { httpsPeers } from './migration/peers.ts'
import { DELETION_ORDER } from './names.ts'
import { refuseLostDatabase } from './recovery/lost.ts'
import { NO_SEAMS, type Seams } from './seams.ts'
import { createStorageSide } from './storage-controllers.ts'
import { agentStreams } from './streams/index.ts'
import { INDEXES } from './wiring.ts'

/** Under this name the agent records events and the fields that it owns. */
const COMPONENT = 'berth-agent'

export interface AgentOptions {
  readonly config: AgentConfig
  readonly log: Logger
  readonly clock: Clock
  readonly version: string
  /** For tests. */
  readonly seams?: Seams
  /** The store fails in a way that only a new process can mend. */
  readonly onFailed: (error: Error) => void
}

export interface Agent {
  /** Ends everything in order; guests run on. */
  stop(): Promise<void>
  /** Resolves once libvirt was asked for the first time, whatever came of it. */
  readonly settled: Promise<void>
  /** What the agent is doing, in one line. */
  status(): string
  /** Resolves, or throws, when the store has answered through its writer. Writes nothing. */
  ask(): Promise<unknown>
  readonly meanwhile: string
}

/** Resolves when the API listens. @throws with words for the operator when it cannot */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { config, log, clock, version, onFailed, seams = NO_SEAMS } = options
  const { stateDir } = config
  const { onFileStep } = seams
  const { store, reader, metrics, observer, access, audit, ask } = await openFoundation({
    served: servedOf(config),
    component: COMPONENT,
    version,
    kinds: AGENT_KINDS,
    indexes: { ...INDEXES, ...STORAGE_INDEXES, ...ownerIndexes(AGENT_KINDS) },
    catalogue: AGENT_METRICS,
    clock,
    log,
    // Guests' files lie below: QEMU's user must be able to pass, and nobody to look.
    folderMode: 0o711,
    check: refuseLostDatabase,
    storeSeam: seams.store,
  })
  const sockets = await chooseSockets(config.libvirt)
  const counted = countCalls(metrics)
  const libvirt = seams.libvirt({ socketPath: sockets.qemu, uri: config.libvirt.uri, ...counted('qemu') })
  const networks =
    sockets.network === null
      ? libvirt
      : seams.libvirt({ socketPath: sockets.network, uri: 'network:///system', ...counted('network') })
  const recordEvent: Pick<EventRecorder, 'record'> = { record: (object, text) => events.record(object, text) }
  const streams = agentStreams({
    libvirt,
    reader,
    events: recordEvent,
    log,
    clock,
    reach: (uid) => lifeline.reach(uid),
  })
  const reads = [
    ...streams.reads,
    new ContentRead({
      content: { get: (digest) => storage.content.get(digest), path: (digest) => storage.content.path(digest) },
    }),
  ]
  const cluster = await openCluster({
    config,
    onFileStep,
    reader,
    storeId: store.id,
    clock,
    log,
    events: recordEvent,
    host: () => lifeline.host(),
    membership: () => leaseDoor(membership),
  })
  const membership: Membership = await Membership.open({
    config,
    onFileStep,
    version,
    clock,
    log,
    holds: () => heldForScheduler(reader),
    onJoining: (authority) => cluster.ruler.join(authority),
    onLeft: () => cluster.ruler.forget(),
  })
  const api = apiMetrics({ counts: metrics, resources: resourceLabels(AGENT_KINDS, [...streams.connect, ...reads]) })
  metrics.collect(api.collector)
  const server = await createApiServer({
    store,
    kinds: AGENT_KINDS,
    clock,
    log,
    version,
    component: COMPONENT,
    hostNames: [hostname(), config.nodeName],
    limits: requestLimits(config),
    guards: [cluster.guard],
    virtual: [
      ...cluster.virtual,
      handoverKind(() => seams.handover(lifeline.handover())),
      baselineKind({ libvirt, machineType: () => lifeline.host().facts.machineType }),
      ...membershipRequests(membership),
    ],
    admission: [
      cluster.admission,
      sizeFitsClass,
      startPriorityIsNumber,
      oneDefaultClass(reader),
      priorityClassExists,
      oneDefaultPriority(reader),
      moveOptionsAreKnown,
      movesNeedScheduler,
    ],
    completions: [classByDefault(reader)],
    connect: streams.connect,
    reads,
    reports: [
      hostReport(config.nodeName, (signal) => lifeline.hostChecks(signal)),
      ...(audit === null ? [] : [audit.report]),
    ],
    observe: (exchange, outcome) => {
      api.observe(exchange, outcome)
      audit?.observe(exchange, outcome)
    },
    metrics: () => metrics.scrape(),
    liveness: [storeAnswers(ask)],
    readiness: [storeReady(store), { name: 'libvirt', check: async () => lifeline.requireReady() }],
  })
  const { resources } = server
  const events = new EventRecorder({
    reader,
    resources,
    clock,
    log,
    component: COMPONENT,
    instance: config.nodeName,
  })
  const peerTls = () => membership.credentials
  const core: AgentCore = {
    config,
    cluster,
    peerTls,
    peers: seams.peers(httpsPeers(peerTls)),
    membership,
    log,
    clock,
    reader,
    resources,
    events,
    libvirt,
    onFileStep,
    metrics,
    observer,
  }
  await createFirstObjects(resources, stateDir)
  await server.keepDefaultRoles()
  const { storage, told, controllers: storageControllers } = await createStorageSide(core)
  const lifeline = new Lifeline({
    core,
    networks,
    volumes: storage.volumes,
    storage,
    told,
    strayFiles: storage.strays,
    version,
  })
  const controllers = [
    createGarbageCollector({ reader, resources, kinds: AGENT_KINDS, clock, log, observer }),
    createNamespaceController({ reader, resources, order: DELETION_ORDER, clock, log, observer }),
    ...storageControllers,
    ...createBindingControllers(core),
  ]
  const { imports } = storage
  metrics.collect(leaseCollector(cluster.lease))
  collectAgent(metrics, { reader, libvirt, networks, imports })
  await openListeners(server, config, access, () => membership.identity)
  const keeping = new AbortController()
  void access.tls.keep(log, keeping.signal)
  for (const controller of controllers) controller.start()
  events.start()
  lifeline.start()
  membership.start()
  await cluster.start()
  const unwatch = watchStore(store, { onFailed, resync: () => [...controllers, ...lifeline.controllers] })
  return {
    settled: lifeline.settled,
    status: () => lifeline.status(),
    ask,
    meanwhile: 'guests run on',
    stop: async () => {
      unwatch()
      keeping.abort()
      await server.close()
      await audit?.close()
      await cluster.stop()
      await membership.stop()
      await lifeline.stop()
      await Promise.all(controllers.map((controller) => controller.stop()))
      await storage.imports.stop()
      await events.stop()
      await Promise.all([libvirt.close(), networks.close()])
      reader.stop()
      await store.close()
    },
  }
}
