// What to do next about the moves of one machine. Pure: facts in, the next record and what each operation says out.

import { getCondition } from '../../../lib/conditions.ts'
import { judgePolicy } from '../../../lib/operations/live-migration-policy.ts'
import { HOST_LABEL } from '../../../schemas/core/node-columns.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  type MigrationOptions,
  openMigration,
  type VirtualMachine,
  type VirtualMachineOperation,
} from '../../../schemas/index.ts'
import { isMove, type MoveType, refusalOf, supersedes } from '../../../schemas/virtualmachineoperation/applies.ts'
import { migrationWish, postCopyErrors } from '../../../schemas/virtualmachineoperation/migration-options.ts'
import type { MoveFacts, SideFacts } from './facts.ts'
import { beginRecord, type CallOff, nextRecord, type Remembered } from './record.ts'
import { type OperationReport, report, reportOf } from './report.ts'

export interface MovePlan {
  /** Written first, then `reports`: an operation says only what is remembered. Null: nothing changes. */
  readonly remember: Remembered | null
  readonly reports: readonly (readonly [VirtualMachineOperation, OperationReport])[]
  /** Must be held before the record is written: their deletion calls the move off. */
  readonly hold: readonly VirtualMachineOperation[]
  /** Being deleted, and nothing of them is under way any more. */
  readonly release: readonly VirtualMachineOperation[]
  /** Milliseconds after which to look again although nothing was told; null: no need. */
  readonly again: number | null
}

export const MOVE_FINALIZER = 'berth/move'
const LOOK_MS = 5_000
const ENDED: readonly string[] = ['Completed', 'Failed', 'Superseded']

export const hasEnded = ({ status }: VirtualMachineOperation): boolean => ENDED.includes(status?.phase ?? 'Pending')
/** Something was said of it but that it waits. */
export const isBegun = ({ status }: VirtualMachineOperation): boolean => (status?.phase ?? 'Pending') !== 'Pending'
const isDeleted = ({ metadata }: VirtualMachineOperation): boolean => metadata.deletionTimestamp !== undefined
const isHeld = ({ metadata }: VirtualMachineOperation): boolean => (metadata.finalizers ?? []).includes(MOVE_FINALIZER)

/** Oldest first; of the same second by name. */
const byAge = (a: VirtualMachineOperation, b: VirtualMachineOperation): number =>
  a.metadata.creationTimestamp < b.metadata.creationTimestamp
    ? -1
    : a.metadata.creationTimestamp > b.metadata.creationTimestamp
      ? 1
      : a.metadata.name < b.metadata.name
        ? -1
        : 1

export function planMoves(facts: MoveFacts): MovePlan {
  const moves = facts.operations.filter(({ spec }) => isMove(spec.type)).sort(byAge)
  const status = clusterStatusOf<ClusterVmStatus>(facts.vm)
  const open = openMigration(status)
  const last = status.migration
  const release = moves.filter((one) => isDeleted(one) && isHeld(one) && one.metadata.uid !== open?.id)
  const live = moves.filter((one) => !hasEnded(one) && (!isDeleted(one) || one.metadata.uid === open?.id))
  const plan = { remember: null, reports: [], hold: [], release, again: null }
  if (facts.vm === null)
    return { ...plan, reports: live.map((one) => [one, report('Failed', 'VirtualMachineNotFound', noMachine(one), 0)]) }
  if (open !== null) return underWay(facts, facts.vm, live, plan)
  // Killed between the end of the record and the word of its operation.
  const told = live.filter(({ metadata }) => metadata.uid === last?.id)
  const rest = live.filter((one) => !told.includes(one))
  const ends = told.map(
    (one) => [one, reportOf({ ...sides(facts, last), shared: facts.shared, slot: null, deleted: false })] as const,
  )
  return waiting(facts, facts.vm, rest, { ...plan, reports: ends })
}

const noMachine = ({ spec }: VirtualMachineOperation): string =>
  `the virtual machine ${spec.virtualMachineName} does not exist`

function sides(facts: MoveFacts, record: ClusterVmStatus['migration']) {
  if (record === undefined) throw new TypeError('there is no record')
  return { now: facts.now, record, source: facts.side(record.from), target: facts.side(record.to) }
}

function underWay(
  facts: MoveFacts,
  vm: VirtualMachine,
  live: readonly VirtualMachineOperation[],
  plan: MovePlan,
): MovePlan {
  const status = clusterStatusOf<ClusterVmStatus>(vm)
  const { record, source, target } = sides(facts, status.migration)
  const own = live.find(({ metadata }) => metadata.uid === record.id) ?? null
  const others = live.filter((one) => one !== own)
  const behind = others.map((one) => [one, waits(`the machine is being moved by ${record.operation}`)] as const)
  // The move that this store remembers is of the past. An epoch that it gave now might be one that a host has obeyed already.
  if (facts.outdated !== null) {
    const words = report(
      own !== null && isDeleted(own) ? 'Terminating' : 'InProgress',
      'OutcomeUnknown',
      facts.outdated,
    )
    return { ...plan, reports: [...(own === null ? [] : [[own, words] as const]), ...behind], again: LOOK_MS }
  }
  const remember = nextRecord({
    now: facts.now,
    status,
    record,
    source,
    target,
    runs: isRunning(vm),
    callOff: callOffOf(own, vm, facts.operations),
    resolution: migrationWish(own?.metadata.annotations).wish.resolution,
    limits: facts.limits,
    gib: facts.gib,
    shared: facts.shared,
    transferSlot: () => facts.transferSlot(record),
    choose: (not) => (own === null ? { node: null, message: 'its operation is gone' } : facts.choose(own, not)),
  })
  const next = remember?.migration ?? record
  const slot = next.phase === 'Prepared' ? facts.transferSlot(next) : null
  return {
    ...plan,
    remember,
    reports: [
      ...(own === null
        ? []
        : [[own, reportOf({ ...sides(facts, next), shared: facts.shared, slot, deleted: isDeleted(own) })] as const]),
      ...behind,
    ],
    again: LOOK_MS,
  }
}

export const waits = (message: string): OperationReport => report('Pending', 'NotReadyToBeExecuted', message, 0)

/** Why the move under way is not wanted any more. */
function callOffOf(
  own: VirtualMachineOperation | null,
  vm: VirtualMachine,
  all: readonly VirtualMachineOperation[],
): CallOff | null {
  if (own === null) return { reason: 'Aborted', message: 'its operation is gone' }
  if (isDeleted(own)) return { reason: 'Aborted', message: 'its operation was deleted' }
  if (vm.metadata.deletionTimestamp !== undefined) return { reason: 'Failed', message: 'the machine is being deleted' }
  const newer = overtakerOf(own, all)
  return newer === null ? null : { reason: 'Superseded', message: `${newer.metadata.name} took its place` }
}

/** A stop or restart that was asked for later, or in the same second. */
const overtakerOf = (
  own: VirtualMachineOperation,
  all: readonly VirtualMachineOperation[],
): VirtualMachineOperation | null =>
  all.find(
    (other) =>
      !hasEnded(other) &&
      !isDeleted(other) &&
      supersedes(other.spec, own.spec) &&
      other.metadata.creationTimestamp >= own.metadata.creationTimestamp,
  ) ?? null

function waiting(
  facts: MoveFacts,
  vm: VirtualMachine,
  live: readonly VirtualMachineOperation[],
  plan: MovePlan,
): MovePlan {
  const [first, ...later] = live
  if (first === undefined) return plan
  const behind = later.map((one) => [one, waits(`the operation ${first.metadata.name} was asked for earlier`)] as const)
  const answer = begin(facts, vm, first)
  const reports = [...plan.reports, [first, answer.report] as const, ...behind]
  const again = facts.now + LOOK_MS
  return {
    ...plan,
    reports,
    again: ENDED.includes(answer.report.phase) && later.length === 0 ? null : again - facts.now,
    ...(answer.record === null ? {} : { remember: { migration: answer.record }, hold: [first] }),
  }
}

interface Answer {
  readonly report: OperationReport
  readonly record: ReturnType<typeof beginRecord> | null
}

const no = (each: OperationReport): Answer => ({ report: each, record: null })

function begin(facts: MoveFacts, vm: VirtualMachine, own: VirtualMachineOperation): Answer {
  // No move is under way: its host has not said since the last one how it is.
  if (vm.status?.phase === 'Migrating')
    return no(overdue(facts, own, 'WaitingForVirtualMachineToBeReadyToMigrate', 'its last move ends', 0))
  const refused = refusal(vm, own, facts.operations)
  if (refused !== null) return no(refused)
  const ahead = facts.operations.find((other) => !isMove(other.spec.type) && !hasEnded(other) && !isDeleted(other))
  if (ahead !== undefined) return no(waits(`the operation ${ahead.metadata.name} comes first`))
  const status = clusterStatusOf<ClusterVmStatus>(vm)
  const from = status.placement?.node
  if (from === undefined)
    return no(report('Failed', 'NotApplicableForVirtualMachinePhase', 'the machine is on no host', 0))
  if (own.spec.migrate?.nodeSelector?.[HOST_LABEL] === from)
    return no(report('Failed', 'TargetUnschedulable', `the machine is on ${from} already`, 0))
  const source: SideFacts = facts.side(from)
  if (source.dead !== null)
    return no(report('Failed', 'OperationFailed', `its host ${from} is dead (${source.dead})`, 0))
  if (!source.inSync)
    return no(overdue(facts, own, 'WaitingForVirtualMachineToBeReadyToMigrate', `its host ${from} does not answer`, 0))
  const slot = facts.startSlot(own, from)
  if (slot !== null) return no(report('Pending', 'MigrationPending', slot, 0))
  const choice = facts.choose(own, new Map())
  if (choice.node === null) return no(overdue(facts, own, 'TargetUnschedulable', choice.message, 2))
  const options = optionsOf(vm, own, facts)
  const { uid, name } = own.metadata
  const record = beginRecord({
    now: facts.now,
    status,
    id: uid,
    operation: name,
    to: choice.node,
    options,
    limits: facts.limits,
  })
  // What hosts have told so far is of an earlier move.
  const target: SideFacts = { ...facts.side(record.to), told: null }
  const begun = { now: facts.now, record, source: { ...source, told: null }, target }
  return { report: reportOf({ ...begun, shared: facts.shared, slot: null, deleted: false }), record }
}

/** A wait that is given up when it lasted too long; counted from when the operation first said so. */
function overdue(
  facts: MoveFacts,
  own: VirtualMachineOperation,
  reason: 'WaitingForVirtualMachineToBeReadyToMigrate' | 'TargetUnschedulable',
  message: string,
  progress: number,
): OperationReport {
  const since = waitingSince(own)
  const seconds = facts.limits.prepareTimeoutSeconds
  const late = since !== null && facts.now - since >= seconds * 1000
  return late
    ? report('Failed', reason, `given up after ${seconds} s: ${message}`, progress)
    : report('InProgress', reason, message, progress)
}

/** What the scheduler remembers of an operation, in its `status.berth`. */
export interface MoveMemory {
  /** RFC 3339: since when it tries in vain. */
  readonly since?: string
  /** RFC 3339. */
  readonly endedAt?: string
}

export const memoryOf = ({ status }: VirtualMachineOperation): MoveMemory =>
  (status as { readonly berth?: MoveMemory } | undefined)?.berth ?? {}

/** ms since the epoch: since when the operation tries in vain; null: it does not. */
function waitingSince(own: VirtualMachineOperation): number | null {
  const { since } = memoryOf(own)
  return since === undefined ? null : Date.parse(since)
}

/** Why the operation can never be done as it stands. */
function refusal(
  vm: VirtualMachine,
  own: VirtualMachineOperation,
  all: readonly VirtualMachineOperation[],
): OperationReport | null {
  const fail = (reason: Parameters<typeof report>[1], message: string) => report('Failed', reason, message, 0)
  if (vm.metadata.deletionTimestamp !== undefined) return fail('OperationFailed', 'the machine is being deleted')
  const newer = overtakerOf(own, all)
  if (newer !== null) return report('Superseded', 'Superseded', `${newer.metadata.name} took its place`, 0)
  const refused = refusalOf(own.spec.type as MoveType, own.spec.force === true, vm)
  if (refused !== null) return fail(refused.reason, refused.message)
  const policy = judgePolicy(vm.spec.liveMigrationPolicy, own.spec.force)
  if (!policy.ok) return fail('NotApplicableForLiveMigrationPolicy', policy.message)
  const { wish, errors } = migrationWish(own.metadata.annotations)
  const [wrong] = errors
  if (wrong !== undefined) return fail('OperationFailed', `${wrong.path}: ${wrong.message}`)
  const [unsafe] = postCopyErrors(wish.options, vm.spec.liveMigrationPolicy)
  if (unsafe !== undefined) return fail('NotApplicableForLiveMigrationPolicy', unsafe.message)
  const migratable = getCondition(vm.status?.conditions, 'Migratable')
  if (migratable?.status === 'False')
    return fail(
      'OperationFailed',
      `the machine cannot be moved while it runs: ${migratable.message || migratable.reason}`,
    )
  return null
}

function optionsOf(vm: VirtualMachine, own: VirtualMachineOperation, { limits }: MoveFacts): MigrationOptions {
  const policy = judgePolicy(vm.spec.liveMigrationPolicy, own.spec.force)
  return {
    autoConverge: policy.ok && policy.autoConverge,
    bandwidthMiBps: limits.bandwidthMiBps,
    completionTimeoutSecondsPerGiB: limits.completionTimeoutSecondsPerGiB,
    progressTimeoutSeconds: limits.progressTimeoutSeconds,
    ...migrationWish(own.metadata.annotations).wish.options,
  }
}

const RUNS: readonly string[] = ['Running', 'Degraded', 'Migrating', 'Pause', 'Stopping']
const isRunning = ({ status }: VirtualMachine): boolean => RUNS.includes(status?.phase ?? '')
