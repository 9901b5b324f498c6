// The guest that both sides move: it counts on its console, so that one sees whether it lived on, and changes some of its memory all the time.
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { COUNTING, countsIn, writingMemory } from '../../cluster/counting-guest.ts'

const POLL_MS = 50
const SILENT_MS = 30_000
const BOOT_MS = 180_000

export const USER_DATA = `#!/bin/sh
${COUNTING}${writingMemory(4, 300)}`

/** The highest number that a console log has; 0 when there is none. */
export function countIn(log: string): number {
  const text = existsSync(log) ? readFileSync(log, 'latin1') : ''
  return Math.max(0, ...countsIn(text))
}

/** Until the guest has counted beyond `known`; in words, why it is thought dead, or null. */
export async function livesOn(log: string, known: number, silentMs = SILENT_MS): Promise<string | null> {
  for (const end = performance.now() + silentMs; performance.now() < end; await sleep(POLL_MS))
    if (countIn(log) > known) return null
  return `the guest has not counted beyond ${known} within ${silentMs / 1000} s`
}

/** Until a guest that boots counts. @throws Error when it does not */
export async function booted(log: string): Promise<void> {
  const silent = await livesOn(log, 0, BOOT_MS)
  if (silent !== null) throw new Error(silent)
}
