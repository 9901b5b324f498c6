// What an operation says of its move, from the record and from what the two hosts told. Pure. Percentages are DVP's: 0 pending, 2 scheduling,
// 3 preparing, 10 to 45 the first pass over memory and disks, 45 to 90 what changed meanwhile, 91 suspended, 92 resumed, 100.
import type { BindingMigrationStatus, MigrationRecord, VirtualMachineOperation } from '../../../schemas/index.ts'
import type { NotMoved } from './conditions.ts'
import type { SideFacts } from './facts.ts'
import { isBrokenAt, isUnknown } from './record.ts'

type Phase = NonNullable<VirtualMachineOperation['status']>['phase']

export interface OperationReport {
  readonly phase: Phase
  /** Null: it was moved. */
  readonly reason: NotMoved | null
  readonly message: string
  /** Percent; null: as it was. */
  readonly progress: number | null
}

export const report = (
  phase: Phase,
  reason: NotMoved,
  message: string,
  progress: number | null = null,
): OperationReport => ({
  phase,
  reason,
  message,
  progress,
})

export const MOVED: OperationReport = { phase: 'Completed', reason: null, message: '', progress: 100 }

export interface ReportFacts {
  readonly now: number
  readonly record: MigrationRecord
  readonly source: SideFacts
  readonly target: SideFacts
  /** Hosts share all disks of the machine. */
  readonly shared: boolean
  /** In words, what a prepared one waits for. */
  readonly slot: string | null
  /** Its object is being deleted. */
  readonly deleted: boolean
}

export function reportOf(facts: ReportFacts): OperationReport {
  const { record, source, target, slot, deleted } = facts
  const going: Phase = deleted ? 'Terminating' : 'InProgress'
  if (record.phase === 'Cleaned') return isLost(record) ? lost(record) : MOVED
  if (record.phase === 'Failed') return failed(record)
  if (record.cancel === true && !isUnknown(facts)) return report(going, 'Aborting', record.message ?? '')
  switch (record.phase) {
    case 'Preparing':
      return report(going, 'MigrationPrepareTarget', preparing(record, target), 3)
    case 'Prepared':
      return report(going, 'WaitingForSyncSlot', slot ?? `${record.to} is prepared`, 3)
    case 'Transferring':
      if (isGivenUp(record)) return report(going, 'Aborting', givenUp(record))
      return isUnknown(facts) ? report(going, 'OutcomeUnknown', unknown(facts)) : transfer(going, record, source.told)
    case 'Committed':
      return report(going, 'TargetResumed', isBrokenAt(target) ? broken(record, source) : left(record, source), 92)
  }
}

/** An outcome that was unknown was decided for the source, which has yet to end its part. */
const isGivenUp = ({ resolution }: MigrationRecord): boolean => resolution !== undefined && resolution !== 'KeepTarget'

const givenUp = ({ from, resolution, message = '' }: MigrationRecord): string =>
  resolution === 'StartAnew'
    ? `${message}: ${from} ends its part, and starts the machine anew unless the guest never left`
    : `${message}: it stays on ${from}, which ends its part`

/** It is at the target, and the guest did not live to be there whole. */
export const isLost = ({ phase, reason }: MigrationRecord): boolean =>
  phase === 'Cleaned' && reason === 'PostCopyFailed'

const lost = ({ to, message = '' }: MigrationRecord): OperationReport =>
  report('Failed', 'PostCopyFailed', `${to}: ${message}`)

function preparing({ to, refusedBy = [] }: MigrationRecord, { told, silent }: SideFacts): string {
  const said = told?.message === undefined || told.message === '' ? '' : `: ${told.message}`
  const before = refusedBy.map(({ node, message }) => `; before, ${node} did not take the machine: ${message}`).join('')
  return `${silent ? `${to} does not answer` : `${to} prepares for the machine${said}`}${before}`
}

function transfer(going: Phase, { from, to }: MigrationRecord, source: BindingMigrationStatus | null): OperationReport {
  if (source?.phase === 'Finishing')
    return report(
      going,
      'SourceSuspended',
      `the guest is paused on ${from} for the last of it; then ${to} is asked to take over`,
      91,
    )
  const said = source?.message === undefined || source.message === '' ? '' : `: ${source.message}`
  const reason = source?.reason === 'NotConverging' ? 'NotConverging' : 'Syncing'
  return report(going, reason, `from ${from} to ${to}${said}`, percentOf(source))
}

/** 10 to 45 in the first pass, then 45 to 90 by how little is left; the hosts count bytes, so it may go back, and DVP's does as well. */
export function percentOf(source: BindingMigrationStatus | null): number {
  const { totalBytes = 0, remainingBytes = totalBytes, iteration = 1 } = source?.progress ?? {}
  if (totalBytes <= 0) return 10
  const done = Math.min(1, Math.max(0, 1 - remainingBytes / totalBytes))
  return Math.floor(iteration <= 1 ? 10 + 35 * done : 45 + 45 * done)
}

function unknown({ record, source, target, shared }: ReportFacts): string {
  const { from, to } = record
  if (target.dead !== null && !shared)
    return `${to} is dead (${target.dead}), and may have run the machine with disks of its own: the copy on ${from} stays as it is until ${to} is back, or berth migrate resolve decides`
  const silent = [...(source.silent ? [from] : []), ...(target.silent ? [to] : [])]
  const [one] = silent
  const [why, until] =
    one === undefined
      ? [`neither ${from} nor ${to} has said how it ended`, 'one of them does']
      : silent.length === 1
        ? [`${one} cannot be asked`, `${one} answers or is known dead`]
        : [`${from} and ${to} cannot be asked`, 'they answer or are known dead']
  return `${why}: the copy on ${from} stays as it is until ${until}, or berth migrate resolve decides`
}

const left = ({ from, to }: MigrationRecord, source: SideFacts): string =>
  source.silent
    ? `it runs on ${to}; ${from} does not answer and cleans up when it is back`
    : `it runs on ${to}; ${from} cleans up`

/** One that was given up is not waited for. */
const broken = ({ from, to, resolution }: MigrationRecord, source: SideFacts): string =>
  resolution !== undefined
    ? `it broke, and starts anew on ${to}; ${from} cleans up when it is back`
    : source.silent
      ? `it broke, and starts anew on ${to} when ${from}, which does not answer, has ended its part or is known dead, or berth migrate resolve decides`
      : `it broke, and starts anew on ${to} when ${from} has ended its part`

function failed({ reason, message = '' }: MigrationRecord): OperationReport {
  switch (reason) {
    case 'Aborted':
      return report('Failed', 'Aborted', message)
    case 'Superseded':
      return report('Superseded', 'Superseded', message)
    case 'TargetUnschedulable':
      return report('Failed', 'TargetUnschedulable', message)
    case 'NotConverging':
      return report('Failed', 'NotConverging', message)
    case 'PostCopyFailed':
      return report('Failed', 'PostCopyFailed', message)
    default:
      return report('Failed', 'OperationFailed', message)
  }
}

type MigrationState = NonNullable<
  NonNullable<import('../../../schemas/index.ts').VirtualMachine['status']>['migrationState']
>

/** `status.migrationState` of the machine, as DVP names it; there are no pods. */
export function migrationStateOf(record: MigrationRecord): MigrationState {
  const result =
    record.phase === 'Failed' || isLost(record)
      ? 'Failed'
      : record.phase === 'Cleaned' || record.phase === 'Committed'
        ? 'Succeeded'
        : ''
  return {
    startTimestamp: record.startedAt,
    ...(record.endedAt === undefined ? {} : { endTimestamp: record.endedAt }),
    source: { node: record.from },
    target: { node: record.to },
    result,
  }
}
