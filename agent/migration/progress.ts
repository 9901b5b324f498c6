// How far a transfer is, and when it is given up. Pure: libvirt's job statistics in, words out. Limits are DVP's.
import type { PlainValue } from '../../lib/libvirt/index.ts'
import type { BindingMigration, BindingMigrationStatus, HandoverAsk } from '../../schemas/index.ts'

export type Progress = NonNullable<BindingMigrationStatus['progress']>
export type JobStats = Readonly<Record<string, PlainValue>>

const GIB = 1_073_741_824
/** DVP's scale: what is before the transfer takes the first tenth, the last tenth is for what comes after it. */
const FIRST_PASS = { from: 10, to: 45 } as const
const LATER_PASSES = { from: 45, to: 90 } as const
/** A guest that is slowed down so far cannot be slowed down more. */
const FULL_THROTTLE = 99
const NOT_CONVERGING_MS = 10_000

const numberIn = (stats: JobStats, name: string): number | undefined => {
  const value = stats[name]
  return typeof value === 'bigint' || typeof value === 'number' ? Number(value) : undefined
}

/** libvirt's statistics of a job under way, or of one that has ended. */
export function progressOf(stats: JobStats, before: Progress = {}): Progress {
  const totalBytes = numberIn(stats, 'data_total')
  const remainingBytes = numberIn(stats, 'data_remaining')
  const iteration = numberIn(stats, 'memory_iteration')
  const throttlePercent = numberIn(stats, 'auto_converge_throttle')
  const percent = Math.max(before.percent ?? 0, percentOf(totalBytes, remainingBytes, iteration))
  return {
    ...before,
    percent,
    ...(totalBytes === undefined ? {} : { totalBytes }),
    ...(remainingBytes === undefined ? {} : { remainingBytes }),
    ...(iteration === undefined ? {} : { iteration }),
    ...(throttlePercent === undefined ? {} : { throttlePercent }),
  }
}

function percentOf(total: number | undefined, remaining: number | undefined, iteration = 1): number {
  if (total === undefined || remaining === undefined || total <= 0) return FIRST_PASS.from
  const done = Math.min(1, Math.max(0, 1 - remaining / total))
  const { from, to } = iteration > 1 ? LATER_PASSES : FIRST_PASS
  return Math.round(from + (to - from) * done)
}

/** What the source knew when it asked the target to finish, and the time since then; ms. What the source does not know is not told. */
export function timesOf(
  { pausedMs, sinceMs }: Pick<HandoverAsk, 'pausedMs' | 'sinceMs'>,
  laterMs: number,
): Pick<Progress, 'downtimeMs' | 'totalMs'> {
  return {
    ...(pausedMs === undefined ? {} : { downtimeMs: Math.round(pausedMs + laterMs) }),
    ...(sinceMs === undefined ? {} : { totalMs: Math.round(sinceMs + laterMs) }),
  }
}

/** What a watch over one transfer remembers; times are of a clock that only goes forward. */
export interface Watched {
  readonly startedAt: number
  /** Least that was left, and when. */
  readonly least: number
  readonly leastAt: number
}

export const watchFrom = (now: number): Watched => ({ startedAt: now, least: Number.POSITIVE_INFINITY, leastAt: now })

export function watched(before: Watched, { remainingBytes }: Progress, now: number): Watched {
  return remainingBytes !== undefined && remainingBytes < before.least
    ? { ...before, least: remainingBytes, leastAt: now }
    : before
}

export interface GivenUp {
  readonly reason: 'CompletionTimeout' | 'ProgressTimeout' | 'NotConverging'
  readonly message: string
}

/** Null: it goes on. `bytes`: the guest's memory and the disks that go along. */
export function verdict(
  watch: Watched,
  { throttlePercent = 0 }: Progress,
  options: BindingMigration['options'],
  bytes: number,
  now: number,
): GivenUp | null {
  const { completionTimeoutSecondsPerGiB = 800, progressTimeoutSeconds = 150 } = options
  const limitMs = completionTimeoutSecondsPerGiB * 1000 * Math.max(1, bytes / GIB)
  if (now - watch.startedAt > limitMs)
    return { reason: 'CompletionTimeout', message: `the transfer was not over within ${Math.round(limitMs / 1000)} s` }
  const still = now - watch.leastAt
  if (still > progressTimeoutSeconds * 1000)
    return {
      reason: 'ProgressTimeout',
      message: `no less was left to send for ${progressTimeoutSeconds} s: the guest changes its memory faster than it can be sent`,
    }
  if (throttlePercent >= FULL_THROTTLE && still > NOT_CONVERGING_MS)
    return {
      reason: 'NotConverging',
      message: `the guest is slowed down by ${throttlePercent} % and still changes its memory faster than it can be sent`,
    }
  return null
}
