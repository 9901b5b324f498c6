// Failover as a part of the scheduler: its controller and what wakes it.
import { getCondition } from '../../lib/conditions.ts'
import type { Counts } from '../../lib/metrics/metrics.ts'
import { nameOf, toKey } from '../../lib/object.ts'
import { Controller } from '../../lib/reconcile/controller.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { keyOf } from '../../lib/store/change.ts'
import { LEASE_SECONDS } from '../../schemas/cluster/leaserenewal.ts'
import { type ClusterVmStatus, clusterStatusOf, type Node, type VirtualMachine } from '../../schemas/index.ts'
import { NODES, VMS } from '../../schemas/resources.ts'
import type { SchedulerCore } from '../core.ts'
import type { Leases } from '../leases.ts'
import { FENCINGS } from '../metrics/catalogue.ts'
import { type FailoverDeps, FailoverReconciler, HOSTS_KEY } from './controller.ts'
import { deathOn } from './death.ts'
import { fenceBy } from './fence.ts'
import { Fencings } from './fencings.ts'
import type { FailoverLimits } from './plan-hosts.ts'

export interface FailoverPartDeps
  extends Pick<
      SchedulerCore,
      'reader' | 'resources' | 'events' | 'clock' | 'log' | 'observer' | 'config' | 'fence' | 'store'
    >,
    Pick<FailoverDeps, 'wantsToRun' | 'placeOf' | 'frozen' | 'isOver' | 'members'> {
  readonly leases: Leases
  readonly metrics?: Counts
}

export interface FailoverPart {
  readonly controller: Controller
  start(): void
  stop(): void
}

/** Added to what hosts promise of watchdogs and timeouts: their clocks are as good as clocks are. */
const MARGIN_MS = 2_000

export function createFailover(deps: FailoverPartDeps): FailoverPart {
  const { reader, leases, clock, log, observer, config, metrics } = deps
  const { fencing, graceSeconds, timeoutCounts } = config.failover
  const { command, ...rest } = fencing
  const limits: FailoverLimits = {
    leaseMs: LEASE_SECONDS * 1000,
    graceMs: graceSeconds * 1000,
    fencingMs: fencing.deadlineSeconds * 1000,
    retryMs: fencing.retrySeconds * 1000,
    marginMs: MARGIN_MS,
    timeoutCounts,
    spareOthers: fencing.others === 'spare',
  }
  const configured = fenceBy({ ...rest, ...(command === undefined ? {} : { command }) })
  const fence = deps.fence?.(configured) ?? configured
  const fencings = new Fencings(fence, clock, (_node, outcome) => {
    metrics?.inc(FENCINGS, { outcome })
    controller.enqueue(HOSTS_KEY)
  })
  const reconciler = new FailoverReconciler({
    ...deps,
    storeId: deps.store.id,
    fencings,
    limits,
    wake: (key) => controller.enqueue(key),
  })
  const controller: Controller = new Controller({
    name: 'failover',
    reconciler,
    clock,
    log,
    observer,
    keys: () => [HOSTS_KEY, ...concerned(reader)],
    resyncMs: 30_000,
  })
  let unsubscribe: readonly (() => void)[] = []
  return {
    controller,
    start: () => {
      unsubscribe = [
        // A host that was known dead is heard again: that is settled before anything else.
        leases.onRenewal(({ node }) => {
          if (deathOn(reader, node) !== null) controller.enqueue(HOSTS_KEY)
        }),
        reader.onChange((change) => {
          if (keyOf(change).resource !== VMS || change.type !== 'put') return
          const vm = change.entry.value as VirtualMachine
          if (isConcerned(vm, reader)) controller.enqueue(toKey(nameOf(vm)))
        }),
      ]
    },
    stop: () => {
      for (const each of unsubscribe) each()
      fencings.stop()
    },
  }
}

/** Its host is not heard of, or something is said of it that may be over. */
const isConcerned = (vm: VirtualMachine, reader: Pick<Reader, 'get'>): boolean => {
  const node = clusterStatusOf<ClusterVmStatus>(vm).placement?.node
  const host = node === undefined ? null : reader.get<Node>(NODES, { namespace: '', name: node })
  return (
    getCondition(host?.status?.conditions, 'HostDead') !== undefined ||
    getCondition(vm.status?.conditions, 'Failover') !== undefined
  )
}

const concerned = (reader: Reader): readonly string[] =>
  reader
    .list<VirtualMachine>(VMS)
    .filter((vm) => isConcerned(vm, reader))
    .map((vm) => toKey(nameOf(vm)))
