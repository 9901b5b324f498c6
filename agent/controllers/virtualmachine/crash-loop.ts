// Machines whose QEMU ends again and again: each start waits longer than the one before, as Kubernetes does with containers. Pure.
import type { Crashes } from '../../../schemas/virtualmachine/power.ts'

export type { Crashes }

/** A run of this length forgives what was before. */
const STABLE_MS = 300_000
/** The first restart is immediate, the second waits 5 s, then twice as long each time. */
const FIRST_MS = 5_000
const LONGEST_MS = 300_000

export interface CrashFacts {
  readonly now: number
  readonly runningSince: number | null
  readonly generation: number
}

/** One more end that nobody asked for. */
export function countCrash(before: Crashes | undefined, { now, runningSince, generation }: CrashFacts): Crashes {
  const stable = runningSince !== null && now - runningSince >= STABLE_MS
  const count = before === undefined || stable || before.generation !== generation ? 1 : before.count + 1
  return { count, at: now, generation }
}

export interface CrashPause {
  /** ms since the epoch of the next start. */
  readonly until: number
  readonly why: string
}

/** The wait before the next start; null when there is none (any more). */
export function crashPause(crashes: Crashes | undefined, generation: number, now: number): CrashPause | null {
  if (crashes === undefined || crashes.count < 2 || crashes.generation !== generation) return null
  const until = crashes.at + Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(crashes.count - 2, 16))
  if (now >= until) return null
  const seconds = Math.round((until - crashes.at) / 1000)
  return {
    until,
    why: `QEMU ended unexpectedly ${crashes.count} times in a row; restarting ${seconds} s after the last time, at ${new Date(until).toISOString()}`,
  }
}
