// The guest that both sides move: it counts on its console, so that one sees whether it lived on, and changes some of its memory all the time.
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 50
const SILENT_MS = 30_000
const BOOT_MS = 180_000

/** `COUNT n`, five times a second; 4 MiB of memory are written anew three times a second. */
export const USER_DATA = `#!/bin/sh
(
  n=0
  while :; do
    n=$((n + 1))
    echo "COUNT $n" >/dev/ttyS0
    usleep 200000
  done
) &
(
  while :; do
    dd if=/dev/zero of=/run/load bs=1M count=4 conv=notrunc 2>/dev/null
    usleep 300000
  done
) &
`

/** The highest number that a console log has; 0 when there is none. */
export function countIn(log: string): number {
  const text = existsSync(log) ? readFileSync(log, 'latin1') : ''
  return Math.max(0, ...[...text.matchAll(/^COUNT (\d+)\r?$/gm)].map(([, number]) => Number(number)))
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
