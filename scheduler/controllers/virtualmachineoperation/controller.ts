// VirtualMachineOperation Migrate and Evict. By machine, not by operation: one moves at a time, and its record is in the machine's status.
// Order of writes, so that a kill between any two is harmless: the finalizer of the operation, disks that follow a machine which has moved,
// the machine's record, what operations say.

import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import { timestamp } from '../../../lib/clock.ts'
import { removeCondition } from '../../../lib/conditions.ts'
import type { EventRecorder } from '../../../lib/controllers/event-recorder.ts'
import type { Counts } from '../../../lib/metrics/metrics.ts'
import { fromKey, nameOf } from '../../../lib/object.ts'
import { again, DONE, type Outcome, type Reconciler } from '../../../lib/reconcile/types.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  type MigrationRecord,
  openMigration,
  type VirtualMachine,
  type VirtualMachineOperation,
} from '../../../schemas/index.ts'
import { VM_OPERATIONS, VMS } from '../../../schemas/resources.ts'
import { isExpired, isMove } from '../../../schemas/virtualmachineoperation/applies.ts'
import { disksOf } from '../../binder/needs.ts'
import { OPERATIONS_BY_VM } from '../../indexes.ts'
import { diskFollows } from '../../placement/disk-follows.ts'
import { MOVE_CONDITIONS, type MoveCondition } from './conditions.ts'
import { MOVE_EVENTS } from './events.ts'
import { type GatherDeps, gather } from './gather.ts'
import { measureMove } from './measure.ts'
import { hasEnded, isBegun, MOVE_FINALIZER, type MoveMemory, type MovePlan, planMoves, waits } from './plan.ts'
import type { Remembered } from './record.ts'
import { isLost, migrationStateOf, type OperationReport } from './report.ts'
import { MOVING_CONDITIONS } from './vm-conditions.ts'

const EXPIRY_CHECK_MS = 3_600_000
const FROZEN_MS = 5_000
/** Reasons whose wait is limited, counted from the first time that one of them is said. */
const IN_VAIN: readonly (string | null)[] = ['TargetUnschedulable', 'WaitingForVirtualMachineToBeReadyToMigrate']

export interface MoveDeps extends GatherDeps {
  readonly resources: Resources
  readonly clock: Clock
  readonly events: Pick<EventRecorder, 'record'>
  readonly metrics?: Counts
  /** In words, why this scheduler may not decide anything now; null: it may. */
  readonly frozen: () => string | null
}

type VmStatus = NonNullable<VirtualMachine['status']>
type OperationStatus = NonNullable<VirtualMachineOperation['status']>

/** Its key is the machine's. One pass at a time over all machines: slots are counted from what is stored. */
export class MoveReconciler implements Reconciler {
  readonly #deps: MoveDeps

  constructor(deps: MoveDeps) {
    this.#deps = deps
  }

  async reconcile(key: string): Promise<Outcome> {
    const { reader, clock, frozen } = this.#deps
    const why = frozen()
    if (why !== null) {
      for (const operation of reader.byIndex<VirtualMachineOperation>(OPERATIONS_BY_VM, key))
        if (isMove(operation.spec.type) && !isBegun(operation)) await this.#report(operation, waits(why))
      return again(FROZEN_MS, why)
    }
    const vm = reader.get<VirtualMachine>(VMS, fromKey(key))
    const facts = gather(key, vm, clock.now(), this.#deps)
    const plan = planMoves(facts)
    for (const operation of plan.hold) await this.#hold(operation)
    if (vm !== null && facts.outdated === null)
      await this.#moveDisks(vm, clusterStatusOf<ClusterVmStatus>(vm).migration)
    if (vm !== null && plan.remember !== null && !(await this.#remember(vm, plan.remember)))
      return again(0, 'the machine changed meanwhile')
    for (const [operation, report] of plan.reports) await this.#report(operation, report)
    for (const operation of plan.release) await this.#release(operation)
    return this.#next(plan, await this.#collect(key))
  }

  #next(plan: MovePlan, collected: boolean): Outcome {
    if (plan.remember !== null) return again(0, 'the next step may be due')
    if (plan.again !== null) return again(plan.again, 'a move waits or is under way')
    return collected ? DONE : again(EXPIRY_CHECK_MS, 'ended operations are kept until they expire')
  }

  async #hold({ metadata }: VirtualMachineOperation): Promise<void> {
    const target = { namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid }
    await this.#deps.resources.addFinalizer(VM_OPERATIONS, target, MOVE_FINALIZER)
  }

  async #release({ metadata }: VirtualMachineOperation): Promise<void> {
    const target = { namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid }
    await this.#deps.resources.removeFinalizer(VM_OPERATIONS, target, MOVE_FINALIZER)
  }

  /** False: somebody else wrote what the decision was made from; nothing is stored. */
  async #remember(vm: VirtualMachine, remember: Remembered): Promise<boolean> {
    const { resources, clock } = this.#deps
    const seen = clusterStatusOf<ClusterVmStatus>(vm)
    let stored = false
    const target = { ...nameOf(vm), uid: vm.metadata.uid }
    await resources.modifyStatus<VirtualMachine>(VMS, target, (status, current) => {
      const berth = clusterStatusOf<ClusterVmStatus>(current)
      stored = isSame(berth, seen)
      if (!stored) return status
      const next: ClusterVmStatus = { ...berth, ...remember }
      const generation = current.metadata.generation
      const open = openMigration(next)
      const conditions =
        open === null
          ? removeCondition(status?.conditions, 'Migrating')
          : MOVING_CONDITIONS.set(
              status?.conditions,
              { type: 'Migrating', status: 'True', reason: 'InProgress', message: wordsOf(open) },
              generation,
              clock.now(),
            )
      const shown = next.migration === undefined ? {} : { migrationState: migrationStateOf(next.migration) }
      return { ...status, ...shown, conditions: [...conditions], berth: next } as unknown as VmStatus
    })
    if (stored) this.#tell(vm, seen.migration, remember.migration)
    return stored
  }

  #tell(vm: VirtualMachine, before: MigrationRecord | undefined, after: MigrationRecord | undefined): void {
    const { events, agents, metrics } = this.#deps
    if (after === undefined) return
    const { from, to, phase, operation, message = '' } = after
    if (after.resolution !== undefined && before?.resolution === undefined)
      events.record(
        vm,
        MOVE_EVENTS.text(
          'MigrationDecided',
          `${operation}: it stays on ${after.resolution === 'KeepTarget' ? to : from}: ${message}`,
        ),
      )
    if (before?.id === after.id && before.phase === phase) return
    if (metrics !== undefined && (phase === 'Cleaned' || phase === 'Failed'))
      measureMove(after, agents.view(to)?.binding(vm.metadata.uid)?.status?.migration ?? null, metrics)
    if (phase === 'Preparing') events.record(vm, MOVE_EVENTS.text('Migrating', `from ${from} to ${to} (${operation})`))
    if (phase === 'Committed') events.record(vm, MOVE_EVENTS.text('Migrated', `from ${from} to ${to} (${operation})`))
    if (phase === 'Failed' || isLost(after))
      events.record(vm, MOVE_EVENTS.text('MigrationFailed', `from ${from} to ${to} (${operation}): ${message}`))
  }

  /** Disks follow their machine; the old host keeps its files until it has cleaned up. */
  async #moveDisks(vm: VirtualMachine, record: MigrationRecord | undefined): Promise<void> {
    const { reader, resources, clock } = this.#deps
    if (record?.phase !== 'Committed') return
    const { from, to, id } = record
    const handOver = { to, since: timestamp(clock.now()), until: id }
    for (const disk of disksOf(vm, reader)) await diskFollows(disk, from, handOver, resources)
  }

  async #report(operation: VirtualMachineOperation, report: OperationReport): Promise<void> {
    const { metadata } = operation
    const target = { namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid }
    const now = this.#deps.clock.now()
    const { generation } = metadata
    const completed: MoveCondition =
      report.reason === null
        ? { type: 'Completed', status: 'True', reason: 'OperationCompleted', message: report.message }
        : { type: 'Completed', status: 'False', reason: report.reason, message: report.message }
    await this.#deps.resources.modifyStatus<VirtualMachineOperation>(VM_OPERATIONS, target, (status) => {
      if (status !== undefined && ENDED.includes(status.phase)) return status
      const done = MOVE_CONDITIONS.set(status?.conditions, completed, generation, now)
      const signalled = (report.progress ?? 0) >= 3
      const conditions = signalled
        ? MOVE_CONDITIONS.set(
            done,
            { type: 'SignalSent', status: 'True', reason: 'SignalSentSuccess' },
            generation,
            now,
          )
        : done
      const { berth: before, ...rest } = (status ?? {}) as OperationStatus & { berth?: MoveMemory }
      const berth: MoveMemory | undefined = ENDED.includes(report.phase)
        ? { endedAt: timestamp(now) }
        : IN_VAIN.includes(report.reason)
          ? { since: before?.since ?? timestamp(now) }
          : undefined
      return {
        ...rest,
        phase: report.phase,
        conditions: [...conditions],
        observedGeneration: generation ?? 0,
        ...(report.progress === null ? {} : { progress: `${report.progress}%` }),
        ...(berth === undefined ? {} : { berth }),
      } as OperationStatus
    })
  }

  /** Deletes ended moves that expired; true when none is left to look after. */
  async #collect(key: string): Promise<boolean> {
    const { reader, resources, clock } = this.#deps
    const all = reader.byIndex<VirtualMachineOperation>(OPERATIONS_BY_VM, key)
    const ended = all.filter((one) => isMove(one.spec.type) && hasEnded(one))
    const expired = ended.filter((one) => isExpired(one, all, clock.now()))
    for (const { metadata } of expired) {
      const name = { namespace: metadata.namespace ?? '', name: metadata.name }
      await resources.delete(VM_OPERATIONS, name, { uid: metadata.uid })
    }
    return ended.length === expired.length
  }
}

const ENDED: readonly string[] = ['Completed', 'Failed', 'Superseded']

/** Whether what decisions about a move are made from is still what it was. */
const isSame = (now: ClusterVmStatus, seen: ClusterVmStatus): boolean =>
  JSON.stringify([now.placement, now.migration]) === JSON.stringify([seen.placement, seen.migration])

const wordsOf = ({ from, to, phase, operation }: MigrationRecord): string =>
  `from ${from} to ${to} (${operation}): ${phase}`
