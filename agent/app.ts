import type { Clock } from '../lib/clock.ts'
import { commonControllers } from '../lib/controllers/common.ts'
import { EventRecorder } from '../lib/controllers/event-recorder.ts'
import { ownerIndexes } from '../lib/controllers/owners.ts'
import { movesNeedScheduler } from '../lib/operations/admission.ts'
import { createServerApi } from '../lib/server/api.ts'
import { openFoundation } from '../lib/server/foundation.ts'
import type { RunningServer, ServerStart } from '../lib/server/program.ts'
import { serve } from '../lib/server/serving.ts'
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

export interface AgentOptions extends ServerStart {
  readonly config: AgentConfig
  readonly clock: Clock
  readonly version: string
  /** For tests. */
  readonly seams?: Seams
}

/** Resolves when the API listens. @throws with words for the operator when it cannot */
export async function startAgent(options: AgentOptions): Promise<RunningServer> {
  const { config, log, clock, version, onFailed, seams = NO_SEAMS } = options
  const { onFileStep } = seams
  const served = servedOf(config)
  const foundation = await openFoundation({
    served,
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
  const { store, reader, metrics, observer, ask } = foundation
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
  const server = await createServerApi({
    served,
    foundation,
    kinds: AGENT_KINDS,
    clock,
    log,
    version,
    component: COMPONENT,
    admissionFirst: [cluster.admission],
    own: {
      guards: [cluster.guard],
      virtual: [
        ...cluster.virtual,
        handoverKind(() => seams.handover(lifeline.handover())),
        baselineKind({ libvirt, machineType: () => lifeline.host().facts.machineType }),
        ...membershipRequests(membership),
      ],
      admission: [movesNeedScheduler],
      connect: streams.connect,
      reads,
      reports: [hostReport(config.nodeName, (signal) => lifeline.hostChecks(signal))],
      readiness: [{ name: 'libvirt', check: async () => lifeline.requireReady() }],
    },
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
    ...commonControllers({ reader, resources, kinds: AGENT_KINDS, order: DELETION_ORDER, clock, log, observer }),
    ...storageControllers,
    ...createBindingControllers(core),
  ]
  const { imports } = storage
  metrics.collect(leaseCollector(cluster.lease))
  collectAgent(metrics, { reader, libvirt, networks, imports })
  const stop = await serve({
    config,
    foundation,
    server,
    log,
    events,
    controllers,
    moreControllers: () => lifeline.controllers,
    cluster: () => membership.identity,
    onFailed,
    begin: async () => {
      lifeline.start()
      membership.start()
      await cluster.start()
    },
    end: async () => {
      await cluster.stop()
      await membership.stop()
      await lifeline.stop()
    },
    endLast: async () => {
      await imports.stop()
      await Promise.all([libvirt.close(), networks.close()])
    },
  })
  return {
    settled: lifeline.settled,
    status: () => lifeline.status(),
    ask,
    meanwhile: 'guests run on',
    stop,
  }
}
