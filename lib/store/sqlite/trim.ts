// Keeps the change log at ten minutes or 100,000 records, in bites small enough not to be felt.
import type { Database } from 'better-sqlite3'
import type { Clock } from '../../clock.ts'
import type { Revision } from '../store.ts'
import type { Rows } from './rows.ts'

export interface LogLimits {
  readonly maxAgeMs: number
  readonly maxRecords: number
}

export const LOG_LIMITS: LogLimits = { maxAgeMs: 600_000, maxRecords: 100_000 }

/** Records removed per transaction. */
const BITE = 500

/**
 * Removes one bite of what is over the limits.
 * @returns the revision up to which the log is gone now, or null when nothing was over
 */
export function trimOnce(db: Database, rows: Rows, head: Revision, now: number, limits: LogLimits): Revision | null {
  let upTo: Revision | null = null
  for (const { revision, at } of rows.oldestChanges(BITE)) {
    const tooOld = now - Number(at) > limits.maxAgeMs
    const tooMany = head - revision >= BigInt(limits.maxRecords)
    if (!tooOld && !tooMany) break
    upTo = revision
  }
  const last = upTo
  if (last !== null) db.transaction(() => rows.forget(last)).immediate()
  return last
}

/** How often the log is looked at. */
export const TRIM_EVERY_MS = 15_000
/** Pause between bites, for the writes of others. */
const BREATH_MS = 20

/** Calls `bite` until the signal aborts: at once again while it returns true, else after {@link TRIM_EVERY_MS}. */
export async function trimLoop(bite: () => boolean, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const more = bite()
    await clock.sleep(more ? BREATH_MS : TRIM_EVERY_MS, signal).catch(() => undefined)
  }
}
