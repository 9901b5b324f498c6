// Whether a VM should run, and what a stop meant: run policies, requests of operations, the guest's own acts. Pure.
// Rules: DVP's run policies (vm_power_state.md); told apart by QEMU's SHUTDOWN reason and libvirt's state reason.
// The record is part of the VM's status, written before anything irreversible is done, so that a killed agent goes on from it.

import type { PowerRecord, RunPolicy } from '../../../schemas/virtualmachine/power.ts'
import { countCrash } from './crash-loop.ts'

export type { PowerRecord, PowerRequest, RunPolicy } from '../../../schemas/virtualmachine/power.ts'
export { wantedPower } from '../../../schemas/virtualmachine/power.ts'

/** libvirt's reasons of a shut-off domain that matter here (virDomainShutoffReason). */
export type ShutoffReason = 'unknown' | 'shutdown' | 'destroyed' | 'crashed' | 'saved' | 'failed' | 'other'

/** What there is to judge by. */
export interface PowerFacts {
  readonly policy: RunPolicy
  /** The domain has a QEMU process (running, paused, in shutdown). */
  readonly active: boolean
  readonly shutoff: ShutoffReason
  /** `guest-reset`, `guest-shutdown`, … of QEMU's SHUTDOWN event when this agent saw it. */
  readonly qemuReason: string | null
  /** The domain's on_reboot is `destroy`: a guest reboot ends QEMU. */
  readonly rebootEndsQemu: boolean
  readonly bootId: string
  /** ms since the epoch: now, and when the run was first seen; null when it was not. */
  readonly now: number
  readonly runningSince: number | null
  /** ms since the epoch: the last move ended the guest here, as it broke; null when it did not. */
  readonly brokenAt: number | null
  /** `metadata.generation` of the VM. */
  readonly generation: number
}

export type StopCause = 'asked' | 'never-started' | 'reboot' | 'power-off' | 'crash' | 'host' | 'broken-move'

/** A run that is over. */
export interface Ended {
  readonly cause: StopCause
  /** What libvirt says of it. */
  readonly shutoff: ShutoffReason
}

/** Why a run that the record knows of is over. Only called for an inactive domain. */
export function stopCause(record: PowerRecord, facts: PowerFacts): StopCause {
  if (record.stopSince !== undefined) return 'asked'
  if (isBrokenMove(facts)) return 'broken-move'
  if (record.bootId !== undefined && record.bootId !== facts.bootId) return 'host'
  if (facts.qemuReason === 'guest-reset') return 'reboot'
  if (facts.qemuReason === 'guest-shutdown') return 'power-off'
  // The domain, or libvirt's memory of its end, is gone, and the host was not restarted.
  if (facts.shutoff === 'unknown') return record.ran ? 'crash' : 'never-started'
  if (facts.shutoff === 'shutdown') return facts.rebootEndsQemu ? 'reboot' : 'power-off'
  return record.ran || facts.shutoff !== 'failed' ? 'crash' : 'never-started'
}

/**
 * The move ended this run: one that it has begun since, by its cold start, crashes like every other. A move that ended later than now was told by
 * another clock, and excuses nothing.
 */
const isBrokenMove = ({ brokenAt, runningSince, now }: PowerFacts): boolean =>
  brokenAt !== null && runningSince !== null && runningSince <= brokenAt && brokenAt <= now

/** The record after judging what is seen now. Idempotent: settling twice changes nothing more. */
export function settle(record: PowerRecord, facts: PowerFacts): PowerRecord {
  let next = record
  if (facts.active) {
    next = omit({ ...next, ran: true }, 'starting')
    if (next.request?.type === 'Start') next = finish(mark(next, 'Started', 'Operation'), true, '')
    if (next.request?.type === 'Restart' && next.request.stage === 'starting') next = finish(next, true, '')
  } else if (next.ran || next.starting) {
    next = judgeEnd(next, stopCause(next, facts), facts)
  }
  if (!facts.active && next.request?.type === 'Stop') next = finish(mark(next, 'Stopped', 'Operation'), true, '')
  if (!facts.active && next.request?.type === 'Restart' && next.request.stage !== 'starting')
    next = { ...omit(next, 'stopSince'), request: { ...next.request, stage: 'starting' } }
  if (facts.policy === 'AlwaysOff') next = omit(omit(next, 'marker'), 'by')
  return next
}

function judgeEnd(record: PowerRecord, cause: StopCause, facts: PowerFacts): PowerRecord {
  const { policy } = facts
  const ended = omit(omit(omit(record, 'ran'), 'starting'), 'stopSince')
  const keeps = policy === 'AlwaysOn' || policy === 'AlwaysOnUnlessStoppedManually'
  switch (cause) {
    case 'asked':
    case 'never-started':
    // No fault of the guest: it starts anew at once where it would run. Each move that is asked for does that once at most.
    case 'broken-move':
      return ended
    case 'reboot':
      return policy === 'Manual' ? mark(ended, 'Started', ended.by ?? 'Guest') : ended
    case 'power-off':
      return policy === 'AlwaysOn' ? omit(ended, 'crashes') : mark(ended, 'Stopped', 'Guest')
    case 'crash':
      return keeps
        ? { ...ended, crashes: countCrash(record.crashes, facts) }
        : mark(omit(ended, 'crashes'), 'Stopped', 'Crash')
    case 'host':
      return keeps ? ended : mark(ended, 'Stopped', 'HostReboot')
  }
}

/** The request ended; its operation reads the outcome from `done`. */
export function finish(record: PowerRecord, ok: boolean, message: string): PowerRecord {
  if (record.request === undefined) return record
  return { ...omit(record, 'request'), done: { id: record.request.id, ok, message } }
}

const mark = (record: PowerRecord, marker: 'Started' | 'Stopped', by: NonNullable<PowerRecord['by']>): PowerRecord =>
  record.marker === marker ? record : { ...record, marker, by }

/** A copy without one key; the same object when it has none. */
export function omit<T extends object, K extends keyof T>(record: T, key: K): T {
  if (!(key in record)) return record
  const { [key]: _, ...rest } = record
  return rest as T
}
