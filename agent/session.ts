// The part of the agent that lives on libvirt: host facts, network, controllers, events. Begins when libvirt first answers.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { LibvirtPool } from '../lib/libvirt/index.ts'
import { fromKey, type KubeObject, nameOf, toKey } from '../lib/object.ts'
import { Controller } from '../lib/reconcile/controller.ts'
import type { Reader } from '../lib/reconcile/reader.ts'
import { itself, type KeySink, on, whenDiffers } from '../lib/reconcile/sources.ts'
import type { Reconciler } from '../lib/reconcile/types.ts'
import { OverloadWatch } from '../lib/server/overload.ts'
import type { VirtualImage, VirtualMachine } from '../schemas/index.ts'
import type { Host } from './cluster/binding-admission.ts'
import { touchedByPeople } from './controllers/node/controller.ts'
import { VirtualMachineReconciler } from './controllers/virtualmachine/controller.ts'
import { Definitions } from './controllers/virtualmachine/definitions.ts'
import { GuestInfos } from './controllers/virtualmachine/guest-info.ts'
import { Ledger } from './controllers/virtualmachine/ledger.ts'
import { makeIso } from './controllers/virtualmachine/make-iso.ts'
import { Seeds } from './controllers/virtualmachine/seed.ts'
import { ClassReconciler } from './controllers/virtualmachineclass/controller.ts'
import { OperationReconciler } from './controllers/virtualmachineoperation/controller.ts'
import type { AgentCore } from './core.ts'
import { AGENT_EVENTS } from './events.ts'
import { migrationAddress } from './host/addresses.ts'
import { allocatableMemory, type NodeTroubles, type Survey } from './host/index.ts'
import { allDomains, loadLedger } from './inventory.ts'
import { followLibvirt } from './libvirt-events.ts'
import type { LibvirtTrouble } from './libvirt-health.ts'
import { MachineWatch } from './machine-watch.ts'
import { ledgerCollector, waitsCollector } from './metrics/host.ts'
import type { HandoverSide } from './migration/handover.ts'
import { createMigrationSide } from './migration/index.ts'
import { CLUSTER_IMAGES, IMAGES, NODES, VM_CLASSES, VM_OPERATIONS, VMS } from './names.ts'
import { MainNetwork, type Reach } from './network/main-network.ts'
import { nodeReconciler } from './node-reconciler.ts'
import { RollCall } from './roll-call.ts'
import { StartTurns } from './start-turns.ts'
import type { Storage } from './storage/index.ts'
import type { Volumes } from './storage/volumes.ts'
import type { ToldStorage } from './storage-controllers.ts'
import { findStrays, uidsOf } from './strays.ts'
import { VMS_BY_MAC, VMS_BY_UID, waitingForLease, wireClasses, wireOperations, wireVirtualMachines } from './wiring.ts'

/** Passes of VMs at a time: libvirt starts a few at once, and others wait for guests without holding it. */
const VM_CONCURRENCY = 16
/** Where libvirt keeps what guests' TPMs keep, a folder for each by its uuid. */
const LIBVIRT_TPMS = '/var/lib/libvirt/swtpm'
/** One machine that cannot be looked at must not keep the others from starting. */
const HEAR_ALL_MS = 15_000

export interface Session {
  readonly controllers: readonly Controller[]
  /** What judges whether a machine fits. */
  readonly host: Host
  /** Where a machine's guest is reached from this host; null while that is not known. */
  reach(uid: string): Reach | null
  /** What other hosts ask about machines that move. */
  readonly handover: HandoverSide
  /** A trouble with libvirt began or ended: the Node says so; at its end every virtual machine is looked at. */
  libvirtChanged(over: boolean): void
  stop(): Promise<void>
}

export interface SessionDeps {
  readonly core: AgentCore
  /** Where networks are served; the same pool as `core.libvirt` with one libvirtd. */
  readonly networks: LibvirtPool
  readonly volumes: Volumes
  readonly storage: Pick<Storage, 'driver' | 'content' | 'peers' | 'stateDir'>
  /** What this host tells of its storage. */
  readonly told: ToldStorage
  /** Files of disks and images whose object's uid is not among the known. */
  readonly strayFiles: (known: ReadonlySet<string>) => readonly string[]
  readonly survey: Survey
  readonly version: string
  /** What is wrong with libvirt now. */
  readonly libvirtTrouble: () => LibvirtTrouble | null
}

export async function startSession(deps: SessionDeps, signal: AbortSignal): Promise<Session> {
  const { core, networks, volumes, survey } = deps
  const { facts } = survey
  const { reader, resources, libvirt, clock, log, events, config, observer } = core
  const { holdings, standing } = core.cluster
  const limits = {
    milliCores: Math.round(facts.cores * config.capacity.cpuOvercommit * 1000),
    memoryBytes: allocatableMemory(facts.memoryBytes),
  }
  const ledger = new Ledger(limits, () => holdings.promised())
  const vmOf = (uid: string) => reader.byIndex<VirtualMachine>(VMS_BY_UID, uid)[0] ?? null
  const wakeUid = (uid: string) => wake(reader, VMS_BY_UID, uid, vms)
  const turns = new StartTurns({
    clock,
    parallel: config.start.parallel,
    settleMs: config.start.settleSeconds * 1000,
    onTurn: wakeUid,
  })
  const machines = new MachineWatch({ libvirt, clock, log, events, vmOf, wake: wakeUid })
  const guests = new GuestInfos({ libvirt, clock, onAnswer: wakeUid })
  const network = new MainNetwork({
    libvirt: networks,
    clock,
    log,
    ...(config.network.cidr === undefined ? {} : { cidr: config.network.cidr }),
    onAddress: (mac) => wake(reader, VMS_BY_MAC, mac, vms),
    isHere: (mac) => reader.byIndex(VMS_BY_MAC, mac).length > 0 || domainMacs.has(mac),
    onChange: () => {
      const problem = network.problem()
      const node = reader.get(NODES, fromKey(nodeKey))
      if (node !== null && problem !== null) events.record(node, AGENT_EVENTS.text('NetworkDown', problem))
      nodes.enqueue(nodeKey)
      if (problem === null) vms.resync()
    },
  })
  // Who goes first is known when everybody has been heard: until then nobody gets a turn.
  const roll = new RollCall({
    clock,
    keys: reader.list(VMS).map((vm) => toKey(nameOf(vm))),
    patienceMs: HEAR_ALL_MS,
    onComplete: () => turns.open(),
  })
  const own = { nvram: join(config.stateDir, 'nvram'), console: join(config.stateDir, 'console') }
  const seeds = new Seeds(join(config.stateDir, 'seeds'), makeIso, core.onFileStep)
  const shutdowns = new Map<string, string>()
  const definitions = new Definitions()
  const nodeKey = toKey({ namespace: '', name: facts.nodeName })
  /** Of domains that were there at the start: one that the database does not know keeps its address too. */
  let domainMacs: ReadonlySet<string> = new Set()

  const controller = (
    name: string,
    resource: string,
    reconciler: Reconciler,
    concurrency: number,
    onOutcome?: (key: string) => void,
  ) =>
    new Controller({
      ...(onOutcome === undefined ? {} : { onOutcome }),
      name,
      reconciler,
      clock,
      log,
      observer,
      concurrency,
      keys: () => reader.list(resource).map((object) => toKey(nameOf(object))),
    })
  const vms = controller(
    'virtualmachine',
    VMS,
    new VirtualMachineReconciler({
      reader,
      resources,
      libvirt,
      clock,
      events,
      counts: core.metrics,
      facts,
      volumes,
      ledger,
      turns,
      standing,
      pulse: machines.pulse,
      seeds,
      guests,
      shutdowns,
      definitions,
      network,
      folders: { ...own, tpm: LIBVIRT_TPMS },
      onFileStep: core.onFileStep,
    }),
    VM_CONCURRENCY,
    (key) => roll.heard(key),
  )
  // One at a time: which of two operations of a machine goes first is decided from what the others' statuses say.
  const operations = controller('virtualmachineoperation', VM_OPERATIONS, new OperationReconciler(core), 1)
  const moves = createMigrationSide({
    ...core,
    storage: deps.storage,
    seeds,
    address: () => migrationAddress(config.migration.address, config.listen),
    options: config.migration,
  })
  const load: OverloadWatch = new OverloadWatch({
    clock,
    log,
    queues: () => observer.latest(),
    onChange: () => nodes.enqueue(nodeKey),
  })
  const troubles = (): NodeTroubles => ({
    libvirt: deps.libvirtTrouble(),
    network: network.problem(),
    overload: load.overload(),
    scheduler: core.cluster.seen(),
  })
  const nodes = controller('node', NODES, nodeReconciler({ ...deps, troubles, definitions }), 1)
  const classes = controller('virtualmachineclass', VM_CLASSES, new ClassReconciler({ ...core, facts }), 2)

  for (const folder of Object.values(own)) await mkdir(folder, { recursive: true, mode: 0o711 })
  const stopping = new AbortController()
  const following = followLibvirt(
    libvirt,
    {
      shutdowns,
      onDomain: wakeUid,
      onGuestAgent: (uid) => {
        guests.forget(uid)
        wakeUid(uid)
      },
      onGap: () => {
        network.check()
        vms.resync()
      },
    },
    log,
    stopping.signal,
  )
  // Without events only the resync is left; that is slow, but nothing is lost.
  const ended = following.ended.catch((error: unknown) => log.error({ err: error }, "libvirt's events ended"))
  try {
    await following.ready
    const domains = await allDomains(libvirt, signal, definitions)
    domainMacs = new Set(domains.flatMap(({ observed }) => observed.nics.map(({ mac }) => mac)))
    log.info({ running: loadLedger(domains, { ledger, vmOf }) }, 'found the running virtual machines')
    // A machine that the database does not know keeps its user data: it may run with it, and can be recovered with it.
    await seeds.sweep(new Set([...uidsOf(reader, VMS), ...domains.map(({ observed }) => observed.uuid)]))
    const strays = findStrays(domains, { reader, files: deps.strayFiles })
    if (strays.length > 0) log.warn({ strays }, 'the host has what the database does not know; it is left alone')
    await network.start(signal)
  } catch (error) {
    stopping.abort()
    await Promise.all([ended, network.stop()])
    throw error
  }
  const forgetLedger = core.metrics.collect(ledgerCollector(ledger))
  const forgetWaits = core.metrics.collect(waitsCollector(turns, machines.pulse))
  wireVirtualMachines(reader, vms)
  const forgetLease = core.cluster.onLease(({ turned }) => {
    if (turned) nodes.enqueue(nodeKey)
    for (const key of waitingForLease(reader)) vms.enqueue(key)
  })
  wireOperations(reader, operations)
  wireClasses(reader, classes)
  on(reader, NODES, (change) => (touchedByPeople(change) ? itself(change) : []), nodes)
  for (const resource of [IMAGES, CLUSTER_IMAGES])
    on(
      reader,
      resource,
      whenDiffers(phaseOf, () => [nodeKey]),
      nodes,
    )
  const forgetStorage = deps.told.onChange(() => nodes.enqueue(nodeKey))
  const watching = machines.watch(stopping.signal)
  const controllers = [nodes, classes, operations, vms, moves.controller]
  nodes.enqueue(nodeKey)
  for (const each of controllers) each.start()
  load.start()
  roll.start(stopping.signal)
  return {
    controllers,
    host: { facts, ledger },
    reach: (uid) => network.reach(uid),
    handover: moves.handover,
    libvirtChanged: (over) => {
      nodes.enqueue(nodeKey)
      if (over) vms.resync()
    },
    stop: async () => {
      forgetLedger()
      forgetLease()
      forgetStorage()
      forgetWaits()
      guests.close()
      await moves.stop()
      await Promise.all(controllers.map((each) => each.stop()))
      stopping.abort()
      await Promise.all([ended, watching, network.stop(), load.stop()])
    },
  }
}

/** An image that is there, or not any more, is told of. */
const phaseOf = ({ status }: VirtualImage | KubeObject): readonly unknown[] => [
  (status as VirtualImage['status'])?.phase,
]

function wake(reader: Reader, index: string, value: string, sink: KeySink): void {
  for (const vm of reader.byIndex(index, value)) sink.enqueue(toKey(nameOf(vm)))
}
