// What is done to machines that have a host: moves, drains, failover. Made once; cluster.ts plugs it in.
import type { VirtualKind } from '../lib/apiserver/virtual.ts'
import { Controller } from '../lib/reconcile/controller.ts'
import type { Reconciler } from '../lib/reconcile/types.ts'
import type { VirtualMachine } from '../schemas/index.ts'
import { DrainReconciler, drainKeys } from './controllers/drain/controller.ts'
import { helpWords } from './controllers/drain/help.ts'
import { drainPreview } from './controllers/drain/question.ts'
import { wireDrains } from './controllers/drain/watch.ts'
import { wantsToRun } from './controllers/virtualmachine/wants.ts'
import { MoveReconciler } from './controllers/virtualmachineoperation/controller.ts'
import { moveKeys } from './controllers/virtualmachineoperation/gather.ts'
import { wireMoves } from './controllers/virtualmachineoperation/watch.ts'
import type { SchedulerCore } from './core.ts'
import { deathOn, wholeDeath } from './failover/death.ts'
import { createFailover } from './failover/index.ts'
import type { Hosting } from './hosting.ts'
import type { Leases } from './leases.ts'
import { prioritiesBy } from './placement/priorities.ts'
import { Targets } from './placement/targets.ts'

export interface OperationsDeps
  extends Pick<SchedulerCore, 'reader' | 'resources' | 'events' | 'clock' | 'log' | 'observer' | 'config'> {
  readonly hosting: Pick<Hosting, 'agents' | 'refusals' | 'placement' | 'ruler'>
  readonly leases: Leases
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

export function createOperations(deps: OperationsDeps): Operations {
  const { reader, config, clock, log, observer, hosting } = deps
  const { agents, refusals, placement, ruler } = hosting
  const priorities = prioritiesBy(reader)
  const priorityOf = (vm: VirtualMachine) => priorities(vm).priority
  const frozen = () => ruler.refusal()
  const targets = new Targets({ reader, state: placement, priorityOf: priorities })
  /** One pass at a time: each counts what the others have stored. */
  const controller = (name: string, reconciler: Reconciler, keys: () => readonly string[]) =>
    new Controller({ name, reconciler, keys, clock, log, observer, resyncMs: RESYNC_MS })
  const moves = controller(
    'moves',
    new MoveReconciler({
      ...deps,
      agents,
      refusals,
      deathOf: (node) => wholeDeath(deathOn(reader, node)),
      priorityOf,
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
  const failover = createFailover({
    ...deps,
    members: () => deps.members.nodes(),
    wantsToRun: (vm) => wantsToRun(vm, reader),
    placeOf: (vm, not) => targets.placeOf(vm, not),
    frozen,
  })
  let unsubscribe: readonly (() => void)[] = []
  return {
    controllers: [moves, drains, failover.controller],
    virtual: [drainPreview({ reader, cluster: placement.cluster, targets })],
    refused: (key) => moves.enqueue(key),
    start: () => {
      unsubscribe = [wireMoves(reader, agents, moves), wireDrains(reader, drains)]
      failover.start()
    },
    stop: () => {
      for (const each of unsubscribe) each()
      failover.stop()
    },
  }
}
