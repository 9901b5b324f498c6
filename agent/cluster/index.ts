// A host's side of a cluster: which scheduler it obeys, which words it takes, what they mean for its machines, and what it does without it.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Admission, WriteGuard } from '../../lib/apiserver/core/core.ts'
import type { VirtualKind } from '../../lib/apiserver/virtual.ts'
import type { Clock } from '../../lib/clock.ts'
import type { EventRecorder } from '../../lib/controllers/event-recorder.ts'
import { messageOf } from '../../lib/errors.ts'
import { nameOf, toKey } from '../../lib/object.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { MAX_OTHERS } from '../../schemas/cluster/leaserenewal.ts'
import {
  CLAIM,
  type ClaimAsk,
  type HostBinding,
  isBound,
  ORPHANED,
  type ToldClass,
  type VirtualMachine,
} from '../../schemas/index.ts'
import { isOn } from '../../schemas/virtualmachine/power.ts'
import type { AgentConfig } from '../config.ts'
import { domainName } from '../controllers/virtualmachine/domain-plan.ts'
import { AGENT_EVENTS } from '../events.ts'
import type { SchedulerSeen } from '../host/node-object.ts'
import type { Log } from '../log.ts'
import { HOST_BINDINGS, VMS } from '../names.ts'
import type { OnFileStep } from '../seams.ts'
import { VMS_BY_UID } from '../wiring.ts'
import { bindingAdmission, type Host } from './binding-admission.ts'
import { bootClock } from './boot-clock.ts'
import { boundGuard } from './bound-guard.ts'
import { Fencing } from './fencing/fencing.ts'
import { launchFencer } from './fencing/launch.ts'
import { watchdogTimeout } from './fencing/watchdog.ts'
import { Holdings } from './holdings.ts'
import { LeaseKeeper, type Membership } from './lease.ts'
import { PromisedMemory } from './promised.ts'
import { RestoredMemory } from './restored.ts'
import { RulerMemory } from './ruler.ts'
import { bindingOf, leaseRefusal, type Standing, standingOf } from './standing.ts'

export interface ClusterSide {
  readonly ruler: RulerMemory
  readonly holdings: Holdings
  readonly standing: Standing
  readonly lease: LeaseKeeper
  readonly guard: WriteGuard
  readonly admission: Admission
  /** Kinds that the scheduler asks. */
  readonly virtual: readonly VirtualKind[]
  /** Storage classes of the cluster, as the scheduler last told. */
  storageClasses(): readonly ToldClass[]
  /** For the Node; null on a host that belongs to no cluster. */
  seen(): SchedulerSeen | null
  /** Hears when the lease began or ended, or what it says of machines may be otherwise. Returns the unsubscribe function. */
  onLease(listener: (change: { readonly turned: boolean }) => void): () => void
  /** Asks the scheduler for the lease from now on. */
  start(): Promise<void>
  stop(): Promise<void>
}

export interface ClusterDeps {
  readonly config: Pick<AgentConfig, 'stateDir' | 'socketPath' | 'nodeName' | 'failover'>
  readonly reader: Reader
  /** Of the store. */
  readonly storeId: string
  readonly clock: Clock
  readonly log: Log
  readonly events: Pick<EventRecorder, 'record'>
  readonly onFileStep?: OnFileStep
  /** @throws ApiError ServiceUnavailable, in words, before the host was surveyed */
  readonly host: () => Host
  /** How the host belongs to a cluster; null when it does not. Asked each time: it may join and leave. */
  readonly membership: () => Membership | null
}

const BOOT_ID = '/proc/sys/kernel/random/boot_id'
const PID_FILES = '/run/libvirt/qemu'

/** @throws Error, in words, when what this host knows of schedulers cannot be read */
export async function openCluster(deps: ClusterDeps): Promise<ClusterSide> {
  const { config, reader, clock, log, events, host, membership, onFileStep = () => undefined } = deps
  const ruler = await RulerMemory.open(config.stateDir, () => onFileStep('ruler-kept'))
  const restored = await RestoredMemory.open(config.stateDir, deps.storeId)
  const promised = await PromisedMemory.open(config.stateDir)
  const vmOf = (uid: string) => reader.byIndex<VirtualMachine>(VMS_BY_UID, uid)[0] ?? null
  const holdings = new Holdings({ reader, clock, vmOf })
  const bootId = readFileSync(BOOT_ID, 'utf8').trim()
  const owned = () => reader.list<HostBinding>(HOST_BINDINGS).filter(isOwnedMachine)
  const failover = () => owned().filter(mayFailOver)
  const listeners = new Set<(change: { readonly turned: boolean }) => void>()
  const { selfFencing, boundSeconds, watchdog = null, watchdogSeconds, others } = config.failover
  const fencing = new Fencing({
    config: {
      selfFencing,
      boundSeconds,
      watchdog,
      watchdogSeconds: (watchdog === null ? null : watchdogTimeout(watchdog)) ?? watchdogSeconds,
      others,
    },
    folder: dirname(config.socketPath),
    clock,
    bootClock,
    log,
    launch: launchFencer,
    onOrdered: () => onFileStep('fencing-ordered'),
    machines: () =>
      failover().map(({ spec: { subject } }) => ({
        uid: subject.uid,
        pidFile: join(PID_FILES, `${domainName({ metadata: subject })}.pid`),
      })),
    onKilled: (uid) => {
      const vm = vmOf(uid)
      log.warn({ uid }, 'a machine that may be failed over was ended: the lease of this host ran out')
      if (vm !== null) events.record(vm, FENCED)
    },
  })
  let last = ''
  let storageClasses: readonly ToldClass[] = []
  /** Of which the scheduler shall say that they are still here. */
  const asked = () =>
    owned().filter(
      (binding) =>
        restored.suspect ||
        mayFailOver(binding) ||
        (promised.has(binding.metadata.name) && !lease.confirmed(binding.metadata.name, binding.spec.epoch)),
    )
  const lease: LeaseKeeper = new LeaseKeeper({
    clock,
    bootClock,
    node: config.nodeName,
    bootId: () => bootId,
    membership,
    machines: () =>
      asked()
        .filter(({ metadata }) => promised.has(metadata.name))
        .map((binding) => {
          const { name: uid } = binding.metadata
          return { uid, epoch: binding.spec.epoch, fenced: mayFailOver(binding) && fencing.covers(uid) }
        }),
    evidence: () => fencing.evidence(),
    others: () => strangersTo(reader),
    onAsk: ({ machines }) => fencing.claim(machines.flatMap(({ uid, fenced }) => (fenced ? [uid] : []))),
    // One that was named before and is not confirmed may have been started elsewhere meanwhile.
    onAnswer: ({ machines }, { confirmed, storageClasses: told = [] }) => {
      storageClasses = told
      void promised
        .settle(machines.map(({ uid }) => uid))
        .catch((error: unknown) => log.error({ err: error }, `what was promised stays remembered: ${messageOf(error)}`))
      fencing.claimed(
        machines.flatMap(({ uid, fenced }) =>
          fenced || (fencing.isClaimed(uid) && !confirmed.includes(uid)) ? [uid] : [],
        ),
      )
    },
    prepare: async () => {
      await fencing.update({ holds: lease.holds(), until: lease.state.until })
      await promised
        .add(asked().map(({ metadata }) => metadata.name))
        .catch((error: unknown) =>
          log.error({ err: error }, `what is promised cannot be remembered: ${messageOf(error)}`),
        )
    },
    term: () => ruler.known.term,
    onChange: ({ state, until, message }) => {
      void fencing.update({ holds: state === 'held', until })
      const known = owned().every(({ metadata, spec }) => lease.confirmed(metadata.name, spec.epoch))
      if (restored.suspect && state === 'held' && known)
        void restored.settle().catch((error: unknown) => log.error({ err: error }, messageOf(error)))
      const now = `${state} ${fencing.problem() !== null}`
      if (state === 'lost' && last !== now) log.warn({}, `the lease with the scheduler is not held: ${message}`)
      for (const listener of listeners) listener({ turned: now !== last })
      last = now
    },
  })
  // A machine that may be failed over waits for the scheduler's word: it is asked for at once. One that may not be any more is ended with the
  // lease until the scheduler has heard of it.
  const forget = reader.onChange((change) => {
    if (change.type !== 'put' || change.entry.key.resource !== HOST_BINDINGS) return
    const binding = change.entry.value as HostBinding
    const before = change.previous as HostBinding | null
    if (before?.metadata.generation === binding.metadata.generation) return
    if (mayFailOver(binding) || (before !== null && mayFailOver(before))) lease.hurry()
  })
  const scheduler = () => {
    const url = membership()?.url
    return url === undefined ? 'the scheduler of its cluster' : `the scheduler ${url}`
  }
  const claims: VirtualKind = {
    kind: CLAIM,
    answer: async ({ object }) => ({ ...(await ruler.claim(object as unknown as ClaimAsk)) }),
  }
  return {
    ruler,
    holdings,
    lease,
    standing: standingOf({
      reader,
      vmOf,
      leaseRefusal: (binding) => leaseRefusal(binding, lease, { fencing, promised, restored }),
    }),
    guard: boundGuard({ reader, scheduler }),
    admission: bindingAdmission({ reader, ruler, holdings, host }),
    virtual: [claims],
    storageClasses: () => (membership() === null ? [] : storageClasses),
    seen: () => seenOf(lease, fencing),
    onLease: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    start: async () => {
      await fencing.open()
      lease.start()
    },
    stop: async () => {
      forget()
      holdings.close()
      await lease.stop()
    },
  }
}

const FENCED = AGENT_EVENTS.text('Fenced', 'ended by its host, whose lease with the scheduler ran out')

/** `namespace/name` of machines that run here, and of which the scheduler has no object. */
const strangersTo = (reader: Reader): readonly string[] =>
  reader
    .list<VirtualMachine>(VMS)
    .filter((vm) => isOn(vm) && (!isBound(vm) || isOrphan(bindingOf(reader, vm.metadata.uid))))
    .map((vm) => toKey(nameOf(vm)))
    .sort()
    .slice(0, MAX_OTHERS)

const isOrphan = (binding: HostBinding | null): boolean => binding?.metadata.annotations?.[ORPHANED] !== undefined

/** Machines that another host may be given when this one is not heard any more. */
const mayFailOver = ({ spec }: HostBinding): boolean => spec.failover === true && isOwnedMachine({ spec })

const isOwnedMachine = ({ spec }: Pick<HostBinding, 'spec'>): boolean =>
  spec.role === 'Owner' && spec.subject.resource === VMS

function seenOf(lease: LeaseKeeper, fencing: Fencing): SchedulerSeen | null {
  const { state, message } = lease.state
  if (state === 'none') return null
  if (state === 'lost') return { status: 'False', reason: 'LeaseLost', message }
  const problem = fencing.problem()
  if (problem !== null) return { status: 'False', reason: 'FencingNotReady', message: problem }
  return { status: 'True', reason: 'LeaseHeld', message: '' }
}
