// A machine's place in the cluster: gives it a host when it is to run, keeps that host while it is stopped, lets it go when nobody has it.
// Writes `status.berth` of the scheduler's own object and nothing else; the binder tells the hosts.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import { timestamp } from '../../../lib/clock.ts'
import type { EventRecorder } from '../../../lib/controllers/event-recorder.ts'
import type { Counts } from '../../../lib/metrics/metrics.ts'
import { fromKey, nameOf, toKey } from '../../../lib/object.ts'
import { type Ask, decide, preempt } from '../../../lib/placement/index.ts'
import { Controller, type ControllerObserver } from '../../../lib/reconcile/controller.ts'
import type { ReconcileLog } from '../../../lib/reconcile/log.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { again, DONE, type Outcome } from '../../../lib/reconcile/types.ts'
import {
  type ClusterDiskStatus,
  type ClusterVmStatus,
  clusterStatusOf,
  nextEpoch,
  openMigration,
  type VirtualDisk,
  type VirtualMachine,
} from '../../../schemas/index.ts'
import { DISKS, VMS } from '../../../schemas/resources.ts'
import { disksOf } from '../../binder/needs.ts'
import type { Refusals } from '../../binder/refusals.ts'
import { SCHEDULER_EVENTS } from '../../events.ts'
import { byUid, VICTIMS_OF } from '../../indexes.ts'
import type { Links } from '../../links/links.ts'
import { DECISION_DURATION, DECISIONS } from '../../metrics/catalogue.ts'
import type { ClusterVmCondition } from '../../mirror/conditions.ts'
import { factsOf, isShared } from '../../placement/facts.ts'
import type { PriorityOf } from '../../placement/priorities.ts'
import type { PlacementState } from '../../placement/state.ts'
import { cleared, droppedLeaving, evicted, idled, placed, vacated, withCondition, woken } from './decision.ts'
import { HOSTS_FINALIZER } from './finalizer.ts'
import { groupKeyOf } from './groups.ts'
import { missingWords } from './missing.ts'
import { planPlace, type Seen, type VmStep } from './plan.ts'
import { Pool } from './pool.ts'
import { runRound } from './round.ts'
import { type WaitReason, Waits } from './waits.ts'
import { wantsToRun } from './wants.ts'
import { stoppedWords } from './words.ts'

export interface VmPlacementDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly agents: Pick<Links, 'view' | 'bindingsOf'>
  readonly state: PlacementState
  readonly refusals: Refusals
  readonly priorityOf: PriorityOf
  /** In words, why nothing is placed now; null when machines are. */
  readonly frozen: () => string | null
  readonly events: Pick<EventRecorder, 'record'>
  readonly clock: Clock
  readonly log: ReconcileLog
  readonly observer?: ControllerObserver
  readonly metrics?: Counts
}

const CONCURRENCY = 32
/** A wait that nothing wakes for sure is looked at so often. */
const WAIT_MS = 5_000
/** Changes that may help are gathered so long for a machine that waits for room on its host. */
const DOZE_MS = 200
/** Words of a machine that goes on waiting are written anew so seldom: amounts in them change with every other machine. */
const SAME_WORDS_MS = 15_000

const gistOf = (message: string): string => message.replaceAll(/[\d.]+/g, '')

/** Steps of a machine that has no room to run in. */
const WAITS: readonly VmStep['do'][] = ['place', 'wait', 'wake']
/** Of decisions that are no plain refusal. */
const OUTCOMES: Partial<Record<WaitReason, string>> = { Frozen: 'frozen', Preemption: 'preempting' }

export class VmPlacement {
  readonly controller: Controller
  /** Why machines wait. */
  readonly waits = new Waits()
  readonly #deps: VmPlacementDeps
  readonly #pool: Pool
  /** What was last written of a refusal, and when, in monotonic milliseconds; by uid. */
  readonly #told = new Map<string, { readonly at: number; readonly message: string }>()
  /** Keys of machines that wait for room on the host that they keep. */
  readonly #dozing = new Set<string>()

  constructor(deps: VmPlacementDeps) {
    this.#deps = deps
    const { clock, log, reader, observer } = deps
    this.#pool = new Pool({ clock, round: (keys, signal) => this.#round(keys, signal) })
    this.controller = new Controller({
      name: 'virtualmachine',
      reconciler: { reconcile: (key) => this.#pass(key) },
      clock,
      log,
      concurrency: CONCURRENCY,
      keys: () => reader.list(VMS).map((vm) => toKey(nameOf(vm))),
      ...(observer === undefined ? {} : { observer }),
    })
  }

  start(): void {
    this.#pool.start()
  }

  async stop(): Promise<void> {
    await this.#pool.stop()
  }

  /** Machines that wait for a host. */
  get waiting(): number {
    return this.#pool.size
  }

  /** Something changed that may help those that wait. */
  hope(): void {
    this.#pool.hope()
    for (const key of this.#dozing) this.controller.enqueue(key, DOZE_MS)
    this.#dozing.clear()
  }

  async #pass(key: string): Promise<Outcome> {
    const { reader, refusals } = this.#deps
    const vm = reader.get<VirtualMachine>(VMS, fromKey(key))
    if (vm === null) {
      this.#pool.remove(key)
      this.#dozing.delete(key)
      this.waits.end(key)
      return DONE
    }
    const step = planPlace(vm, this.#seen(vm))
    if (step.do !== 'place') this.#pool.remove(key)
    if (!WAITS.includes(step.do)) this.waits.end(key)
    await this.#run(key, vm, step)
    const { uid } = vm.metadata
    const againIn = step.do === 'place' ? refusals.againIn(uid) : null
    if (againIn !== null) return again(againIn + 1, 'a host that refused may be offered it again then')
    return step.do === 'wait' ? again(WAIT_MS, step.message) : DONE
  }

  #seen(vm: VirtualMachine): Seen {
    const { reader, agents, refusals } = this.#deps
    const { uid } = vm.metadata
    return {
      wanted: wantsToRun(vm, reader),
      holders: agents.bindingsOf(uid),
      refusals: refusals.of(uid),
      inSync: (node) => agents.view(node)?.inSync === true,
    }
  }

  async #run(key: string, vm: VirtualMachine, step: VmStep): Promise<void> {
    const { resources, refusals, clock, events } = this.#deps
    const { uid } = vm.metadata
    const now = clock.now()
    switch (step.do) {
      case 'nothing':
        return
      case 'let-go':
        refusals.forget(uid)
        await resources.removeFinalizer(VMS, { ...nameOf(vm), uid }, HOSTS_FINALIZER)
        return
      case 'drop-leaving':
        return await this.#write(vm, (current) => droppedLeaving(current, step.nodes))
      case 'clear': {
        const { node, message } = step.refused
        await this.#clearDisks(vm, node)
        await this.#write(vm, (current) => cleared(current, node, message, now))
        events.record(vm, SCHEDULER_EVENTS.text('HostRefused', `${node} did not take it: ${message}`))
        return
      }
      case 'tell-stale':
        return await this.#say(vm, {
          type: 'Running',
          status: 'Unknown',
          reason: 'StaleEpoch',
          message: step.message,
        })
      case 'idle':
        return await this.#write(vm, idled)
      case 'vacate':
        return await this.#write(vm, (current) => vacated(current, '', now))
      case 'wake':
        return await this.#wakeUp(vm)
      case 'wait':
        this.waits.set(key, 'Leaving')
        return await this.#say(vm, this.#pending(step.message), 'Pending')
      case 'rest':
        return await this.#rest(vm)
      case 'place': {
        const missing = missingWords(vm, this.#deps.reader)
        if (missing === null) {
          this.waits.begin(key)
          this.#pool.add(key, groupKeyOf(vm))
          return
        }
        this.#pool.remove(key)
        this.waits.set(key, 'Missing')
        return await this.#say(vm, this.#pending(missing), 'Pending')
      }
    }
  }

  #pending(message: string): ClusterVmCondition {
    return { type: 'Running', status: 'False', reason: 'PodNotStarted', message }
  }

  /** It has no host and is not to run. */
  async #rest(vm: VirtualMachine): Promise<void> {
    const message = 'it is not to run, and has no host yet'
    await this.#say(vm, { type: 'Running', status: 'False', reason: 'NotRunning', message }, 'Stopped')
  }

  async #wakeUp(vm: VirtualMachine): Promise<void> {
    const { state, reader, priorityOf, clock } = this.#deps
    const { placement } = clusterStatusOf<ClusterVmStatus>(vm)
    if (placement === undefined) return
    const { node } = placement
    const facts = factsOf(vm, reader, priorityOf(vm))
    const here = decide(state.cluster, {
      vm: facts,
      current: node,
      only: { nodes: new Set([node]), words: 'it is there' },
    })
    if (here.node !== null) return await this.#write(vm, woken)
    const [verdict] = here.hosts().filter((host) => host.node === node)
    const words = verdict?.fit === false ? verdict.reasons.map((reason) => reason.words).join('; ') : here.message
    const elsewhere = decide(state.cluster, { vm: facts }, { reserve: false })
    const isFree = disksOf(vm, reader).every((disk) => isShared(disk, reader))
    if (elsewhere.node !== null && isFree)
      return await this.#write(vm, (current) => vacated(current, `${node}: ${words}`, clock.now()))
    this.#dozing.add(toKey(nameOf(vm)))
    this.waits.set(toKey(nameOf(vm)), 'OwnHost')
    await this.#say(vm, this.#pending(`its host ${node}: ${words}`), 'Pending')
  }

  async #round(keys: readonly string[], signal: AbortSignal): Promise<void> {
    const { reader, state, priorityOf, clock, refusals, frozen, metrics } = this.#deps
    const why = frozen()
    for (const key of keys) this.#pool.keep(key)
    if (why !== null) {
      for (const key of keys) {
        const vm = reader.get<VirtualMachine>(VMS, fromKey(key))
        if (vm !== null) await this.#refuse(vm, why, 'Frozen')
      }
      return
    }
    await runRound(
      keys,
      {
        reader,
        cluster: state.cluster,
        priorityOf,
        clock,
        isPending: (vm) => planPlace(vm, this.#seen(vm)).do === 'place',
        refusals: (uid) => refusals.of(uid),
        commit: (vm, chosen) => this.#commit(vm, chosen),
        refuse: (vm, message, reason) => this.#refuse(vm, message, reason),
        searched: (ms) => metrics?.observe(DECISION_DURATION, {}, ms / 1000),
        preempt: (vm, ask) => this.#preempt(vm, ask),
      },
      signal,
    )
  }

  /** First its disks, then the machine: killed in between, the machine follows its disks. */
  async #commit(
    vm: VirtualMachine,
    { node, message }: { readonly node: string; readonly message: string },
  ): Promise<void> {
    const { resources, reader, state, clock, events, log } = this.#deps
    const { uid } = vm.metadata
    try {
      for (const disk of disksOf(vm, reader)) await this.#placeDisk(disk, node)
      const stored = await resources.modifyStatus<VirtualMachine>(
        VMS,
        { ...nameOf(vm), uid },
        (_, current) => placed(current, node, message, clock.now()),
        HOSTS_FINALIZER,
      )
      if (stored === null || clusterStatusOf<ClusterVmStatus>(stored).placement?.node !== node) state.reread(uid)
      this.#pool.remove(toKey(nameOf(vm)))
      this.#told.delete(uid)
      this.waits.end(toKey(nameOf(vm)))
      this.#deps.metrics?.inc(DECISIONS, { outcome: 'placed' })
      if (stored !== null) events.record(stored, SCHEDULER_EVENTS.text('Scheduled', `given to ${node}: ${message}`))
    } catch (error) {
      state.reread(uid)
      this.controller.enqueue(toKey(nameOf(vm)), WAIT_MS)
      log.warn({ vm: toKey(nameOf(vm)), node, err: error }, 'a decision could not be stored')
    }
  }

  async #placeDisk(disk: VirtualDisk, node: string): Promise<void> {
    const { resources, reader, clock } = this.#deps
    const { placement } = clusterStatusOf<ClusterDiskStatus>(disk)
    if (placement?.node === node) return
    if (placement !== undefined && !isShared(disk, reader)) return
    const { uid } = disk.metadata
    await resources.modifyStatus<VirtualDisk>(
      DISKS,
      { ...nameOf(disk), uid },
      (status, current) => {
        const before = clusterStatusOf<ClusterDiskStatus>(current)
        if (before.placement?.node === node) return status
        const { epoch: _, placement: old, ...kept } = before
        const leaving = old === undefined ? (kept.leaving ?? []) : [...(kept.leaving ?? []), old]
        const berth = {
          ...kept,
          placement: { node, epoch: nextEpoch(before), since: timestamp(clock.now()) },
          ...(leaving.length === 0 ? {} : { leaving }),
        }
        return { ...status, berth } as VirtualDisk['status']
      },
      HOSTS_FINALIZER,
    )
  }

  /** Disks that were given to a host with the machine, and of which it has nothing. */
  async #clearDisks(vm: VirtualMachine, node: string): Promise<void> {
    const { resources, reader, agents } = this.#deps
    for (const disk of disksOf(vm, reader)) {
      const { uid } = disk.metadata
      const view = agents.view(node)
      if (view === null || !view.inSync || view.binding(uid) !== null) continue
      await resources.modifyStatus<VirtualDisk>(DISKS, { ...nameOf(disk), uid }, (status, current) => {
        const before = clusterStatusOf<ClusterDiskStatus>(current)
        const { placement, ...kept } = before
        if (placement?.node !== node) return status
        return { ...status, berth: { ...kept, epoch: nextEpoch(before) - 1 } } as VirtualDisk['status']
      })
    }
  }

  async #refuse(vm: VirtualMachine, message: string, reason: WaitReason): Promise<void> {
    const { clock, events, metrics } = this.#deps
    this.waits.change(toKey(nameOf(vm)), reason)
    metrics?.inc(DECISIONS, { outcome: OUTCOMES[reason] ?? 'refused' })
    const { uid } = vm.metadata
    const told = this.#told.get(uid)
    const at = clock.monotonic()
    const isToldSo = vm.status?.phase === 'Pending' && told !== undefined && gistOf(told.message) === gistOf(message)
    const silentFor = isToldSo ? told.at + SAME_WORDS_MS - at : 0
    if (silentFor > 0) {
      // Nothing else may come that lets it say how many of its group there are.
      if (reason === 'Group' && told?.message !== message) this.controller.enqueue(toKey(nameOf(vm)), silentFor)
      return
    }
    this.#told.set(uid, { at, message })
    await this.#say(vm, this.#pending(message), 'Pending')
    events.record(vm, SCHEDULER_EVENTS.text('FailedScheduling', message))
  }

  /** Those whose place it takes are stopped like every other machine; until then it waits, and takes nobody else's. */
  async #preempt(vm: VirtualMachine, ask: Ask): Promise<string | null> {
    const { state, reader, events, clock } = this.#deps
    const { uid } = vm.metadata
    const going = reader.byIndex<VirtualMachine>(VICTIMS_OF, uid)
    if (going.length > 0) return `waits until ${stoppedWords(going)} to make room`
    if (!ask.vm.preempts) return null
    const found = preempt(state.cluster, ask)
    if (found.node === null) return null
    const words = `stopped to make room on ${found.node} for ${toKey(nameOf(vm))}, which has a higher priority`
    const victims = found.victims.flatMap((victim) => reader.byIndex<VirtualMachine>(byUid(VMS), victim.uid))
    // What moves is where it will be soon: its host is not decided here.
    if (victims.some((victim) => openMigration(clusterStatusOf<ClusterVmStatus>(victim)) !== null)) return null
    for (const victim of victims) {
      await this.#write(victim, (current) => evicted(current, uid, words, clock.now()))
      events.record(victim, SCHEDULER_EVENTS.text('Preempted', words))
    }
    return `waits until ${stoppedWords(victims)} to make room`
  }

  async #say(vm: VirtualMachine, condition: ClusterVmCondition, phase?: 'Pending' | 'Stopped'): Promise<void> {
    const now = this.#deps.clock.now()
    await this.#write(vm, (current) => withCondition(current, current.status, condition, now, phase))
  }

  /** Not while it moves: then its migration decides. */
  async #write(vm: VirtualMachine, change: (vm: VirtualMachine) => VirtualMachine['status']): Promise<void> {
    const { uid } = vm.metadata
    await this.#deps.resources.modifyStatus<VirtualMachine>(VMS, { ...nameOf(vm), uid }, (status, current) =>
      openMigration(clusterStatusOf<ClusterVmStatus>(current)) === null ? change(current) : status,
    )
  }
}
