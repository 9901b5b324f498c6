// The record of a move from one phase to the next. Pure. Who has the machine is decided here by one thing alone: what the target said, what
// the source said, or evidence that one of them is dead.
import { timestamp } from '../../../lib/clock.ts'
import {
  type ClusterVmStatus,
  type Leaving,
  lastEpoch,
  type MigrationRecord,
  nextEpoch,
} from '../../../schemas/index.ts'
import type { MigrationLimits, SideFacts, TargetChoice } from './facts.ts'

/** Why a move is to end before its time. */
export interface CallOff {
  readonly reason: 'Aborted' | 'Superseded' | 'Failed'
  readonly message: string
}

export interface RecordFacts {
  readonly now: number
  readonly status: ClusterVmStatus
  readonly record: MigrationRecord
  readonly source: SideFacts
  readonly target: SideFacts
  /** The machine runs at the source, as far as its host told. */
  readonly runs: boolean
  readonly callOff: CallOff | null
  /** Of the operation's annotations. */
  readonly resolution: MigrationRecord['resolution']
  readonly limits: MigrationLimits
  readonly gib: number
  /** Hosts share all disks of the machine. */
  readonly shared: boolean
  transferSlot(): string | null
  choose(not: ReadonlyMap<string, string>): TargetChoice
}

/** What is to be remembered instead; fields that are left out stay. */
export type Remembered = Pick<ClusterVmStatus, 'placement' | 'migration' | 'leaving'>

/** Hosts that are tried for one operation at most. */
const MAX_TARGETS = 3
/** The transfer's own limits are kept by its hosts; this much later they are reminded. */
const GRACE_SECONDS = 60
/** A prepared target keeps room that others may need. */
const SLOT_TIMEOUT_SECONDS = 3_600

/** The source's word: it has ended the copy that it held, and the machine starts from its disks. */
const STARTED_ANEW = 'StartedAnew'

const later = (now: number, seconds: number): string => timestamp(now + seconds * 1000)
export const isLate = ({ deadline }: MigrationRecord, now: number): boolean =>
  deadline !== undefined && Date.parse(deadline) <= now

/** Null: it stays as it is. */
export function nextRecord(facts: RecordFacts): Remembered | null {
  switch (facts.record.phase) {
    case 'Preparing':
    case 'Prepared':
      return beforeTransfer(facts)
    case 'Transferring':
      return transferring(facts)
    case 'Committed':
      return committed(facts)
    default:
      return null
  }
}

export interface Begin {
  readonly now: number
  readonly status: ClusterVmStatus
  readonly id: string
  readonly operation: string
  readonly to: string
  readonly options: MigrationRecord['options']
  readonly limits: MigrationLimits
  readonly refusedBy?: MigrationRecord['refusedBy']
}

/** A move that begins. The machine must have a host. */
export function beginRecord({
  now,
  status,
  id,
  operation,
  to,
  options,
  limits,
  refusedBy = [],
}: Begin): MigrationRecord {
  return {
    id,
    operation,
    from: status.placement?.node ?? '',
    to,
    epoch: nextEpoch(status),
    phase: 'Preparing',
    startedAt: timestamp(now),
    since: timestamp(now),
    deadline: later(now, limits.prepareTimeoutSeconds),
    options,
    ...(refusedBy.length > 0 ? { refusedBy } : {}),
  }
}

/** The source was not told to go: it runs on whatever happens, and the move can be given up at once. */
function beforeTransfer(facts: RecordFacts): Remembered | null {
  const { record, source, target, callOff, now } = facts
  // In a store that is restored from a backup: the move has gone on since, and its hosts know how.
  if (hasGone(facts)) return atTarget(facts)
  if (callOff !== null) return ended(facts, callOff.reason, callOff.message)
  if (source.dead !== null) return ended(facts, 'Failed', `${record.from} is dead (${source.dead})`)
  if (!facts.runs) return ended(facts, 'Failed', `the machine does not run any more on ${record.from}`)
  const { told } = target
  const no = target.dead === null ? target.refused : `it is dead (${target.dead})`
  if (no !== null) return elsewhere(facts, no)
  if (told?.phase === 'Failed')
    return elsewhere(facts, told.message ?? told.reason ?? 'it could not prepare for the machine')
  if (record.phase === 'Preparing') {
    if (told?.phase === 'Prepared')
      return go(facts) ?? step(facts, { phase: 'Prepared', deadline: later(now, SLOT_TIMEOUT_SECONDS) })
    if (!isLate(record, now)) return null
    const last = told === null ? (target.inSync ? 'it has not begun' : 'it does not answer') : `it is ${told.phase}`
    return ended(facts, 'Failed', `${record.to} is not ready after ${facts.limits.prepareTimeoutSeconds} s: ${last}`)
  }
  const next = go(facts)
  if (next !== null || !isLate(record, now)) return next
  return ended(facts, 'Failed', 'no slot for the transfer became free in an hour')
}

/** As one of its hosts says, the machine is at the target. */
const hasGone = ({ source, target }: RecordFacts): boolean =>
  target.told?.phase === 'Committed' || source.told?.phase === 'Cleaned'

/** The transfer begins when there is a slot for it. */
function go(facts: RecordFacts): Remembered | null {
  const { limits, gib, now } = facts
  if (facts.transferSlot() !== null) return null
  const seconds = Math.ceil(limits.completionTimeoutSecondsPerGiB * Math.max(1, gib)) + GRACE_SECONDS
  return step(facts, { phase: 'Transferring', deadline: later(now, seconds) })
}

/** Another host, when one said no before anything was at stake. */
function elsewhere(facts: RecordFacts, no: string): Remembered {
  const { record, status, now, limits } = facts
  const refusedBy = [...(record.refusedBy ?? []), { node: record.to, message: no }]
  const words = refusedBy.map(({ node, message }) => `${node}: ${message}`).join('; ')
  if (refusedBy.length >= MAX_TARGETS) return ended(facts, 'Failed', `no host takes the machine: ${words}`)
  const choice = facts.choose(new Map(refusedBy.map(({ node, message }) => [node, message])))
  if (choice.node === null) return ended(facts, 'TargetUnschedulable', `${words}; and ${choice.message}`)
  const { id, operation, options, startedAt } = record
  const begun = beginRecord({ now, status, id, operation, to: choice.node, options, limits, refusedBy })
  return { migration: { ...begun, startedAt }, leaving: besides(status, leavesTarget(facts)) }
}

function transferring(facts: RecordFacts): Remembered | null {
  const { record, source, target, callOff, resolution, now } = facts
  if (hasGone(facts)) return atTarget(facts)
  if (source.told?.phase === 'Failed')
    return ended(facts, record.reason ?? source.told.reason ?? 'Failed', whyOf(facts))
  // It never heard that it may go.
  if (source.refused !== null && source.told === null)
    return ended(facts, 'Failed', `${record.from} does not take the order: ${source.refused}`)
  if (source.dead !== null && target.dead !== null && facts.shared)
    return ended(facts, 'Failed', `both hosts are dead: ${source.dead}; ${target.dead}`)
  if (source.dead !== null && target.dead === null) {
    if (target.told?.phase === 'Failed')
      return ended(facts, 'Failed', `${record.from} is dead (${source.dead}) and ${record.to} has no whole copy`)
    return record.cancel ? null : asked(facts, 'Failed', `${record.from} is dead (${source.dead})`)
  }
  if (record.resolution !== undefined) return null
  // It may have taken the guest, run it and died unheard. With disks of its own, what the guest did there is there alone.
  if (target.dead !== null && facts.shared) return atSource(facts, 'StartAnew', `${record.to} is dead (${target.dead})`)
  if (resolution !== undefined && isUnknown(facts))
    return resolution === 'KeepTarget'
      ? atTarget(facts, { resolution, message: `decided by hand for ${record.to}` })
      : atSource(facts, resolution, 'decided by hand')
  if (source.dead !== null) return null
  if (record.cancel) return null
  if (callOff !== null) return asked(facts, callOff.reason, callOff.message)
  return isLate(record, now) ? asked(facts, 'Failed', 'the transfer takes longer than it may') : null
}

/** Nobody can tell how it ended, as far as is known: one of the two has been silent for long, or both were asked to end it and have not. */
export const isUnknown = ({
  record,
  source,
  target,
  now,
}: Pick<RecordFacts, 'record' | 'source' | 'target' | 'now'>): boolean =>
  record.phase === 'Transferring' && (source.silent || target.silent || (record.cancel === true && isLate(record, now)))

/** Over when the source has nothing of it and the guest goes on at the target: both do that as parts of the move, which they must know. */
function committed(facts: RecordFacts): Remembered | null {
  const { record, source, target } = facts
  const given = givenUp(facts)
  if (given !== null) return given
  const isGone = source.told?.phase === 'Cleaned' || (source.inSync && source.told === null) || source.dead !== null
  return isGone && (goesOn(record, target) || target.dead !== null)
    ? { migration: { ...over(facts, 'Cleaned'), ...lossOf(target) } }
    : null
}

/** As far as the target has told. */
function goesOn(record: MigrationRecord, { told, inSync }: SideFacts): boolean {
  if (told === null) return inSync
  if (told.phase === 'Committed') return Boolean(told.endTime)
  // What was heard is from before it decided: the guest may wait there still, to go on as a part of the move. By hand it was decided unheard.
  return told.phase === 'Failed' || record.resolution !== undefined
}

/**
 * A post-copy whose source cannot say that it does not send any more, or that it has ended its part of a guest that broke: the target would wait for
 * it without end.
 */
function givenUp({ record, source, target, resolution }: RecordFacts): Remembered | null {
  const { told } = target
  const isComing = told?.phase === 'Committed' && !told.endTime
  const waits = record.options.postCopy === true && (isComing || isBrokenAt(target))
  if (!waits || record.resolution !== undefined) return null
  const why =
    source.dead !== null && isComing
      ? `${record.from} is dead (${source.dead})`
      : resolution === 'KeepTarget'
        ? 'decided by hand'
        : null
  return why === null ? null : { migration: { ...record, resolution: 'KeepTarget', message: why } }
}

/** It is to start anew there, once the source has nothing of it any more. */
export const isBrokenAt = ({ told }: SideFacts): boolean => told?.reason === 'PostCopyFailed'

/** With post-copy the machine is the target's from when it begins; what of the guest was still to come may never do so. */
const lossOf = (target: SideFacts): Pick<MigrationRecord, 'reason' | 'message'> =>
  isBrokenAt(target) ? { reason: 'PostCopyFailed', message: target.told?.message ?? '' } : {}

/** The target has it. The epoch goes above one that a decision for the source may have given. */
function atTarget(facts: RecordFacts, more: Pick<MigrationRecord, 'resolution' | 'message'> = {}): Remembered {
  const { record, status, now } = facts
  const old = status.placement ?? { node: record.from, epoch: record.epoch - 1, since: record.startedAt }
  const epoch = old.epoch < record.epoch ? record.epoch : lastEpoch(status) + 1
  const { deadline: _, cancel: _c, reason: _r, message: _m, resolution: _s, ...rest } = record
  const since = timestamp(now)
  return {
    placement: { ...old, node: record.to, epoch, since },
    leaving: besides(status, { node: old.node, epoch: old.epoch, since, until: record.id }).filter(
      ({ node }) => node !== record.to,
    ),
    migration: { ...rest, phase: 'Committed', since, ...more },
  }
}

/** The source goes on by an epoch that the target's cannot reach. */
function atSource(facts: RecordFacts, resolution: 'KeepSource' | 'StartAnew', message: string): Remembered {
  const { record, status } = facts
  const since = status.placement?.since ?? record.startedAt
  return {
    placement: { ...status.placement, node: record.from, epoch: nextEpoch(status), since },
    leaving: besides(status, leavesTarget(facts)),
    migration: { ...record, resolution, reason: 'Failed', message },
  }
}

const leavesTarget = ({ record, now }: RecordFacts): Leaving => ({
  node: record.to,
  epoch: record.epoch,
  since: timestamp(now),
})

/** One entry for each host, the newer word. */
const besides = ({ leaving = [] }: ClusterVmStatus, one: Leaving): readonly Leaving[] => [
  ...leaving.filter(({ node }) => node !== one.node),
  one,
]

/** Both sides are asked to end it; how it ends they say themselves. */
const asked = (facts: RecordFacts, reason: string, message: string): Remembered => ({
  migration: { ...facts.record, cancel: true, reason, message, deadline: later(facts.now, GRACE_SECONDS) },
})

const step = ({ record, now }: RecordFacts, change: Pick<MigrationRecord, 'phase' | 'deadline'>): Remembered => ({
  migration: { ...record, ...change, since: timestamp(now) },
})

function ended(facts: RecordFacts, reason: string, message: string): Remembered {
  return {
    migration: { ...over(facts, 'Failed'), reason, message },
    leaving: besides(facts.status, leavesTarget(facts)),
  }
}

function over({ record, now }: RecordFacts, phase: 'Cleaned' | 'Failed'): MigrationRecord {
  const { deadline: _, ...rest } = record
  return { ...rest, phase, since: timestamp(now), endedAt: timestamp(now) }
}

/** Why it failed: why it was called off or decided, else the source's words, else the target's. */
const whyOf = ({ record, source, target }: RecordFacts): string =>
  (source.told?.reason === STARTED_ANEW ? `${record.message}; ${source.told.message}` : record.message) ??
  source.told?.message ??
  target.told?.message ??
  source.told?.reason ??
  'the hosts gave no reason'
