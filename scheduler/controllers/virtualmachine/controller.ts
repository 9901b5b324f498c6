// A machine's place in the cluster: gives it a host when it is to run, keeps that host while it is stopped, lets it go when nobody has it.
// Writes `status.berth` of the scheduler's own object and nothing else; the binder tells the hosts.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { EventRecorder } from '../../../lib/controllers/event-recorder.ts'
import { messageOf } from '../../../lib/errors.ts'
import type { Counts } from '../../../lib/metrics/metrics.ts'
import { fromKey, nameOf, toKey } from '../../../lib/object.ts'
import { decide } from '../../../lib/placement/index.ts'
import { Controller, type ControllerObserver } from '../../../lib/reconcile/controller.ts'
import type { ReconcileLog } from '../../../lib/reconcile/log.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { again, DONE, type Outcome } from '../../../lib/reconcile/types.ts'
import { type ClusterVmStatus, clusterStatusOf, type VirtualMachine } from '../../../schemas/index.ts'
import { VMS } from '../../../schemas/resources.ts'
import { disksOf } from '../../binder/needs.ts'
import { newerDisk } from '../../binder/newer.ts'
import type { Refusals } from '../../binder/refusals.ts'
import { SCHEDULER_EVENTS } from '../../events.ts'
import type { Links } from '../../links/links.ts'
import { DECISION_DURATION } from '../../metrics/catalogue.ts'
import { localDiskElsewhere, sharedDisksFollow } from '../../placement/disk-follows.ts'
import { factsOf, isShared } from '../../placement/facts.ts'
import type { PriorityOf } from '../../placement/priorities.ts'
import type { PlacementState } from '../../placement/state.ts'
import { cleared, droppedLeaving, idled, vacated, woken } from './decision.ts'
import { clearDisks } from './disk-places.ts'
import { HOSTS_FINALIZER } from './finalizer.ts'
import { groupKeyOf } from './groups.ts'
import { missingWords } from './missing.ts'
import { Outcomes } from './outcomes.ts'
import { planPlace, type Seen, type VmStep } from './plan.ts'
import { Pool } from './pool.ts'
import { runRound } from './round.ts'
import { Waits } from './waits.ts'
import { wantsToRun } from './wants.ts'
import { pending, say, sayStale, write } from './writes.ts'

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
/** Steps of a machine that has no room to run in. */
const WAITS: readonly VmStep['do'][] = ['place', 'wait', 'wake']

export class VmPlacement {
  readonly controller: Controller
  /** Why machines wait. */
  readonly waits = new Waits()
  readonly #deps: VmPlacementDeps
  readonly #pool: Pool
  readonly #outcomes: Outcomes
  /** Keys of machines that wait for room on the host that they keep. */
  readonly #dozing = new Set<string>()

  constructor(deps: VmPlacementDeps) {
    this.#deps = deps
    const { clock, log, reader, observer } = deps
    this.#pool = new Pool({
      clock,
      round: (keys, signal) => this.#round(keys, signal),
      failed: (error) => log.error({ err: error }, `a round of placement failed: ${messageOf(error)}`),
    })
    this.#outcomes = new Outcomes({
      ...deps,
      waits: this.waits,
      onPlaced: (key) => this.#pool.remove(key),
      again: (key, afterMs) => this.controller.enqueue(key, afterMs),
    })
    this.controller = new Controller({
      name: 'virtualmachine',
      reconciler: { reconcile: (key) => this.#pass(key) },
      isDeaf: true,
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
      newerDisk: () => newerDisk(vm, { reader, agents }),
      diskElsewhere: (node) => localDiskElsewhere(vm, node, reader),
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
        this.#outcomes.forget(uid)
        await resources.removeFinalizer(VMS, { ...nameOf(vm), uid }, HOSTS_FINALIZER)
        return
      case 'drop-leaving':
        await sharedDisksFollow(vm, this.#deps)
        return await write(vm, (current) => droppedLeaving(current, step.nodes), this.#deps)
      case 'clear': {
        const { node, message } = step.refused
        await clearDisks(vm, node, this.#deps)
        await write(vm, (current) => cleared(current, node, message, now), this.#deps)
        events.record(vm, SCHEDULER_EVENTS.text('HostRefused', `${node} did not take it: ${message}`))
        return
      }
      case 'tell-stale':
        return await sayStale(vm, step.message, this.#deps)
      case 'tell-disk':
        return await say(vm, pending(step.message), this.#deps)
      case 'idle':
        return await write(vm, idled, this.#deps)
      case 'vacate':
        return await write(vm, (current) => vacated(current, step.message, now), this.#deps)
      case 'wake':
        return await this.#wakeUp(vm)
      case 'wait':
        this.waits.set(key, 'Leaving')
        return await say(vm, pending(step.message), this.#deps, 'Pending')
      case 'rest':
        return await this.#rest(vm)
      case 'place': {
        const missing = missingWords(vm, this.#deps.reader)
        if (missing === null) {
          this.waits.begin(key)
          this.#pool.add(key, groupKeyOf(vm), this.#deps.priorityOf(vm).priority)
          return
        }
        this.#pool.remove(key)
        this.waits.set(key, 'Missing')
        return await say(vm, pending(missing), this.#deps, 'Pending')
      }
    }
  }

  /** It has no host and is not to run. */
  async #rest(vm: VirtualMachine): Promise<void> {
    const message = 'it is not to run, and has no host yet'
    await say(vm, { type: 'Running', status: 'False', reason: 'NotRunning', message }, this.#deps, 'Stopped')
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
    if (here.node !== null) return await write(vm, woken, this.#deps)
    const [verdict] = here.hosts().filter((host) => host.node === node)
    const words = verdict?.fit === false ? verdict.reasons.map((reason) => reason.words).join('; ') : here.message
    const elsewhere = decide(state.cluster, { vm: facts }, { reserve: false })
    const isFree = disksOf(vm, reader).every((disk) => isShared(disk, reader))
    if (elsewhere.node !== null && isFree)
      return await write(vm, (current) => vacated(current, `${node}: ${words}`, clock.now()), this.#deps)
    this.#dozing.add(toKey(nameOf(vm)))
    this.waits.set(toKey(nameOf(vm)), 'OwnHost')
    await say(vm, pending(`its host ${node}: ${words}`), this.#deps, 'Pending')
  }

  async #round(keys: readonly string[], signal: AbortSignal): Promise<void> {
    const { reader, state, priorityOf, clock, refusals, frozen, metrics } = this.#deps
    const why = frozen()
    for (const key of keys) this.#pool.keep(key)
    if (why !== null) {
      for (const key of keys) {
        const vm = reader.get<VirtualMachine>(VMS, fromKey(key))
        if (vm !== null) await this.#outcomes.refuse(vm, why, 'Frozen')
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
        commit: (vm, chosen) => this.#outcomes.commit(vm, chosen),
        refuse: (vm, message, reason) => this.#outcomes.refuse(vm, message, reason),
        searched: (ms) => metrics?.observe(DECISION_DURATION, {}, ms / 1000),
        preempt: (vm, ask) => this.#outcomes.preempt(vm, ask),
      },
      signal,
    )
  }
}
