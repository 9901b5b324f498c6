// What becomes of a decision: it is stored, or the machine says why there is none, or others make room for it.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { EventRecorder } from '../../../lib/controllers/event-recorder.ts'
import { messageOf } from '../../../lib/errors.ts'
import type { Counts } from '../../../lib/metrics/metrics.ts'
import { nameOf, toKey } from '../../../lib/object.ts'
import { type Ask, preempt } from '../../../lib/placement/index.ts'
import type { ReconcileLog } from '../../../lib/reconcile/log.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { type ClusterVmStatus, clusterStatusOf, openMigration, type VirtualMachine } from '../../../schemas/index.ts'
import { VMS } from '../../../schemas/resources.ts'
import { SCHEDULER_EVENTS } from '../../events.ts'
import { byUid, VICTIMS_OF } from '../../indexes.ts'
import type { Links } from '../../links/links.ts'
import { DECISIONS } from '../../metrics/catalogue.ts'
import type { PlacementState } from '../../placement/state.ts'
import { evicted, placed } from './decision.ts'
import { placeDisks } from './disk-places.ts'
import { HOSTS_FINALIZER } from './finalizer.ts'
import type { WaitReason, Waits } from './waits.ts'
import { stoppedWords } from './words.ts'
import { pending, say, write } from './writes.ts'

export interface OutcomeDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly agents: Pick<Links, 'view'>
  readonly state: PlacementState
  readonly waits: Waits
  readonly events: Pick<EventRecorder, 'record'>
  readonly clock: Clock
  readonly log: ReconcileLog
  readonly metrics?: Counts
  /** It has a place, or needs none any more. */
  readonly onPlaced: (key: string) => void
  /** Asks for another look at it, so late. */
  readonly again: (key: string, afterMs: number) => void
}

/** After a decision that could not be stored. */
const RETRY_MS = 5_000
/** Words of a machine that goes on waiting are written anew so seldom: amounts in them change with every other machine. */
const SAME_WORDS_MS = 15_000

const gistOf = (message: string): string => message.replaceAll(/[\d.]+/g, '')

/** Of decisions that are no plain refusal. */
const OUTCOMES: Partial<Record<WaitReason, string>> = { Frozen: 'frozen', Preemption: 'preempting' }

export class Outcomes {
  readonly #deps: OutcomeDeps
  /** What was last written of a refusal, and when, in monotonic milliseconds; by uid. */
  readonly #told = new Map<string, { readonly at: number; readonly message: string }>()

  constructor(deps: OutcomeDeps) {
    this.#deps = deps
  }

  /** What was told of a machine that is gone. */
  forget(uid: string): void {
    this.#told.delete(uid)
  }

  /** First its disks, then the machine: killed in between, the machine follows its disks. Never rejects. */
  async commit(
    vm: VirtualMachine,
    { node, message }: { readonly node: string; readonly message: string },
  ): Promise<void> {
    const { resources, state, clock, events, waits, metrics, onPlaced } = this.#deps
    const { uid } = vm.metadata
    const key = toKey(nameOf(vm))
    try {
      await placeDisks(vm, node, this.#deps)
      const stored = await resources.modifyStatus<VirtualMachine>(
        VMS,
        { ...nameOf(vm), uid },
        (_, current) => placed(current, node, message, clock.now()),
        { finalizer: HOSTS_FINALIZER },
      )
      if (stored === null || clusterStatusOf<ClusterVmStatus>(stored).placement?.node !== node) state.reread(uid)
      onPlaced(key)
      this.#told.delete(uid)
      waits.end(key)
      metrics?.inc(DECISIONS, { outcome: 'placed' })
      if (stored !== null) events.record(stored, SCHEDULER_EVENTS.text('Scheduled', `given to ${node}: ${message}`))
    } catch (error) {
      state.reread(uid)
      this.#unstored(key, error, `the decision for ${node} could not be stored`)
    }
  }

  /** Never rejects: words that cannot be stored are told later. */
  async refuse(vm: VirtualMachine, message: string, reason: WaitReason): Promise<void> {
    const { clock, events, metrics, waits, again } = this.#deps
    const key = toKey(nameOf(vm))
    waits.change(key, reason)
    metrics?.inc(DECISIONS, { outcome: OUTCOMES[reason] ?? 'refused' })
    const { uid } = vm.metadata
    const told = this.#told.get(uid)
    const at = clock.monotonic()
    const isToldSo = vm.status?.phase === 'Pending' && told !== undefined && gistOf(told.message) === gistOf(message)
    const silentFor = isToldSo ? told.at + SAME_WORDS_MS - at : 0
    if (silentFor > 0) {
      // Nothing else may come that lets it say how many of its group there are.
      if (reason === 'Group' && told?.message !== message) again(key, silentFor)
      return
    }
    this.#told.set(uid, { at, message })
    try {
      await say(vm, pending(message), this.#deps, 'Pending')
    } catch (error) {
      this.#told.delete(uid)
      this.#unstored(key, error, 'why a machine waits could not be stored')
      return
    }
    events.record(vm, SCHEDULER_EVENTS.text('FailedScheduling', message))
  }

  /**
   * Those whose place it takes are stopped like every other machine; until then it waits, and takes nobody else's. Null when it has to wait
   * for something else, or could not tell them; otherwise in words. Never rejects.
   */
  async preempt(vm: VirtualMachine, ask: Ask): Promise<string | null> {
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
      try {
        await write(victim, (current) => evicted(current, uid, words, clock.now()), this.#deps)
      } catch (error) {
        this.#unstored(toKey(nameOf(vm)), error, 'a machine could not be told to make room')
        return null
      }
      events.record(victim, SCHEDULER_EVENTS.text('Preempted', words))
    }
    return `waits until ${stoppedWords(victims)} to make room`
  }

  /** The store is full, or another was faster: the machine is looked at anew soon. */
  #unstored(key: string, error: unknown, words: string): void {
    this.#deps.again(key, RETRY_MS)
    this.#deps.log.warn({ vm: key, err: error }, `${words}: ${messageOf(error)}`)
  }
}
