// Looks at the whole cluster now and then, and evicts machines that another host suits better. What it keeps in memory, since when rules are
// broken, is safe to lose: a restarted scheduler waits a minute more.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import { nameOf, toKey } from '../../../lib/object.ts'
import type { Proposal } from '../../../lib/placement/index.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { again, type Outcome, type Reconciler } from '../../../lib/reconcile/types.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  openMigration,
  type VirtualMachine,
  type VirtualMachineOperation,
} from '../../../schemas/index.ts'
import { VM_OPERATIONS, VMS } from '../../../schemas/resources.ts'
import { isOn } from '../../../schemas/virtualmachine/power.ts'
import { byUid, OPERATIONS_BY_VM } from '../../indexes.ts'
import { createEviction, evictionsFor, retryIn } from '../evictions/evictions.ts'
import { hasEnded } from '../virtualmachineoperation/plan.ts'
import { planRebalance, type RebalanceMachine } from './plan.ts'

export const REBALANCE_KEY = '/cluster'

export interface RebalanceDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly clock: Clock
  readonly propose: () => Proposal
  readonly enabled: boolean
  readonly intervalMs: number
  readonly movesPerHour: number
  readonly restMs: number
  /** In words, why this scheduler may not decide anything now; null: it may. */
  readonly frozen: () => string | null
}

/** Rules that were broken are looked at so often; a cluster that takes long to look at is looked at less. */
const LOOK_MS = 15_000
const REST_FACTOR = 100
const HOUR_MS = 3_600_000

export class RebalanceReconciler implements Reconciler {
  readonly #deps: RebalanceDeps
  #brokenSince: ReadonlyMap<string, number> = new Map()
  /** Monotonic milliseconds at which load was last looked at. */
  #lookedAt: number | null = null

  constructor(deps: RebalanceDeps) {
    this.#deps = deps
  }

  async reconcile(): Promise<Outcome> {
    const { clock, propose, frozen, resources, reader, enabled, intervalMs, movesPerHour, restMs } = this.#deps
    const why = frozen()
    if (why !== null) return again(LOOK_MS, why)
    const began = clock.monotonic()
    const due = enabled && (this.#lookedAt === null || began - this.#lookedAt >= intervalMs)
    if (due) this.#lookedAt = began
    const plan = planRebalance({
      now: clock.now(),
      moves: propose().moves,
      enabled: due,
      lastHour: this.#lastHour(),
      movesPerHour,
      restMs,
      brokenSince: this.#brokenSince,
      machine: (uid) => this.#machine(uid),
    })
    const tookMs = clock.monotonic() - began
    this.#brokenSince = plan.brokenSince
    for (const { uid, kind, message } of plan.evict) {
      const [vm] = reader.byIndex<VirtualMachine>(byUid(VMS), uid)
      if (vm !== undefined)
        await createEviction(resources, vm, kind, clusterStatusOf<ClusterVmStatus>(vm).placement?.node ?? '', message)
    }
    return again(Math.max(LOOK_MS, tookMs * REST_FACTOR), 'the cluster is looked at now and then')
  }

  #lastHour(): number {
    const { reader, clock } = this.#deps
    return reader
      .list<VirtualMachineOperation>(VM_OPERATIONS)
      .filter(
        ({ metadata }) =>
          metadata.name.startsWith('rebalance-') && clock.now() - Date.parse(metadata.creationTimestamp) < HOUR_MS,
      ).length
  }

  #machine(uid: string): RebalanceMachine | null {
    const { reader, clock } = this.#deps
    const [vm] = reader.byIndex<VirtualMachine>(byUid(VMS), uid)
    if (vm === undefined) return null
    const status = clusterStatusOf<ClusterVmStatus>(vm)
    const operations = reader.byIndex<VirtualMachineOperation>(OPERATIONS_BY_VM, toKey(nameOf(vm)))
    const node = status.placement?.node ?? ''
    return {
      free: isOn(vm) && openMigration(status) === null && operations.every(hasEnded),
      movedAt: Date.parse(status.placement?.since ?? vm.metadata.creationTimestamp),
      retryIn: (kind) => retryIn(evictionsFor(operations, kind, node), clock.now()),
    }
  }
}
