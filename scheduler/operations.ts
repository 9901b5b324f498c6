// What is done to machines that have a host: moves, drains, failover, rebalancing. Made once; cluster.ts plugs it in.
import type { VirtualKind } from '../lib/apiserver/virtual.ts'
import type { Counts } from '../lib/metrics/metrics.ts'
import { proposeMoves } from '../lib/placement/index.ts'
import { Controller } from '../lib/reconcile/controller.ts'
import type { Reconciler } from '../lib/reconcile/types.ts'
import { type ClusterVmStatus, clusterStatusOf, type VirtualMachine } from '../schemas/index.ts'
import { VMS } from '../schemas/resources.ts'
import { isOn } from '../schemas/virtualmachine/power.ts'
import { newerDisk, newerHolder } from './binder/newer.ts'
import { DrainReconciler, drainKeys } from './controllers/drain/controller.ts'
import { helpWords } from './controllers/drain/help.ts'
import { drainPreview } from './controllers/drain/question.ts'
import { wireDrains } from './controllers/drain/watch.ts'
import { REBALANCE_KEY, RebalanceReconciler } from './controllers/rebalance/controller.ts'
import { rebalanceProposal } from './controllers/rebalance/question.ts'
import { wantsToRun } from './controllers/virtualmachine/wants.ts'
import { MoveReconciler } from './controllers/virtualmachineoperation/controller.ts'
import { moveKeys } from './controllers/virtualmachineoperation/gather.ts'
import { wireMoves } from './controllers/virtualmachineoperation/watch.ts'
import type { SchedulerCore } from './core.ts'
import { deathOn, wholeDeath } from './failover/death.ts'
import { createFailover } from './failover/index.ts'
import type { Hosting } from './hosting.ts'
import { byUid } from './indexes.ts'
import type { Leases } from './leases.ts'
import { prioritiesBy } from './placement/priorities.ts'
import { Targets } from './placement/targets.ts'

export interface OperationsDeps
  extends Pick<
    SchedulerCore,
    'reader' | 'resources' | 'events' | 'clock' | 'log' | 'observer' | 'config' | 'fence' | 'store'
  > {
  readonly hosting: Pick<Hosting, 'agents' | 'health' | 'refusals' | 'placement' | 'ruler'>
  readonly leases: Leases
  readonly metrics?: Counts
  /** Hosts that have joined. */
  readonly members: { nodes(): readonly string[] }
}

export interface Operations {
  readonly controllers: readonly Controller[]
  readonly virtual: readonly VirtualKind[]
  /** A host did not take this machine. */
  refused(key: string): void
  /** The controllers are started by whoever runs the server. */
  start(): void
  stop(): void
}

const RESYNC_MS = 60_000
/** Moves that are thought of at once. */
const REBALANCE_BUDGET = 20

export function createOperations(deps: OperationsDeps): Operations {
  const { reader, config, clock, log, observer, hosting } = deps
  const { agents, health, refusals, placement, ruler } = hosting
  const priorities = prioritiesBy(reader)
  const priorityOf = (vm: VirtualMachine) => priorities(vm).priority
  const frozen = () => ruler.refusal()
  const outdated = (vm: VirtualMachine) =>
    newerHolder(clusterStatusOf<ClusterVmStatus>(vm), agents.bindingsOf(vm.metadata.uid))?.message ?? null
  const targets = new Targets({
    reader,
    state: placement,
    priorityOf: priorities,
    // A move under way ends by what its hosts say, and takes its disks along: none is begun.
    outdated: (vm) => outdated(vm) ?? newerDisk(vm, { reader, agents }),
  })
  /** One pass at a time: each counts what the others have stored. */
  const controller = (name: string, reconciler: Reconciler, keys: () => readonly string[]) =>
    new Controller({ name, reconciler, keys, clock, log, observer, resyncMs: RESYNC_MS })
  const moves = controller(
    'moves',
    new MoveReconciler({
      ...deps,
      agents,
      silence: (node) => health.silence(node),
      refusals,
      deathOf: (node) => wholeDeath(deathOn(reader, node)),
      priorityOf,
      outdated,
      targetOf: targets.targetOf,
      limits: config.migration,
      frozen,
    }),
    () => moveKeys(reader),
  )
  const drains = controller(
    'drains',
    new DrainReconciler({
      ...deps,
      priorityOf,
      helpFor: (vm) => {
        const decision = targets.decide(vm)
        return decision.node === null ? helpWords(decision.reasons.filter(({ filter }) => filter !== 'Asked')) : null
      },
      frozen,
      parallel: config.migration.outgoingPerNode,
    }),
    () => drainKeys(reader),
  )
  const { enabled, intervalSeconds, movesPerHour, restSeconds, threshold } = config.rebalance
  const propose = (budget: number) =>
    proposeMoves(placement.cluster, {
      budget,
      threshold,
      now: clock.now(),
      askOf: (facts, node) => targets.askOf(facts, node),
      fixed: (facts) => fixedWords(reader.byIndex<VirtualMachine>(byUid(VMS), facts.uid)[0]),
    })
  const rebalance = controller(
    'rebalance',
    new RebalanceReconciler({
      ...deps,
      propose: () => propose(REBALANCE_BUDGET),
      enabled,
      intervalMs: intervalSeconds * 1000,
      movesPerHour,
      restMs: restSeconds * 1000,
      frozen,
    }),
    () => [REBALANCE_KEY],
  )
  const failover = createFailover({
    ...deps,
    members: () => deps.members.nodes(),
    wantsToRun: (vm) => wantsToRun(vm, reader),
    placeOf: (vm, not) => targets.placeOf(vm, not),
    frozen,
    isOver: () => ruler.isOver,
  })
  let unsubscribe: readonly (() => void)[] = []
  return {
    controllers: [moves, drains, failover.controller, rebalance],
    virtual: [drainPreview({ reader, cluster: placement.cluster, targets }), rebalanceProposal(propose)],
    refused: (key) => moves.enqueue(key),
    start: () => {
      let { kind } = ruler.state
      unsubscribe = [
        wireMoves(reader, agents, moves),
        wireDrains(reader, drains),
        ruler.onChange(() => {
          if (ruler.state.kind === kind) return
          kind = ruler.state.kind
          // What waited because nothing could be decided goes on, or says why it does not.
          for (const one of [moves, drains, failover.controller]) one.resync()
        }),
      ]
      failover.start()
    },
    stop: () => {
      for (const each of unsubscribe) each()
      failover.stop()
    },
  }
}

/** A machine that does not run has nothing to take anywhere. */
function fixedWords(vm: VirtualMachine | undefined): string | null {
  if (vm === undefined || !isOn(vm)) return 'it does not run'
  const said = vm.status?.conditions?.find(({ type, status }) => type === 'Migratable' && status === 'False')
  return said === undefined ? null : said.message || said.reason
}
