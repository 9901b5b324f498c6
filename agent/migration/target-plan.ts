// What the host that a machine goes to does next. Pure. This host alone decides whether the machine has come, and remembers it before
// anything runs: Prepared -> Committed or Failed. What was decided is never changed.
import type { BindingMigration, MigrationPhase } from '../../schemas/index.ts'

export type TargetDomain = 'running' | 'paused' | 'off' | 'absent'

export interface TargetSeen {
  readonly spec: Pick<BindingMigration, 'cancel' | 'resolution'>
  readonly phase: MigrationPhase | null
  /** Something of this process is under way: files are made, or the source has been answered only in part. */
  readonly busy: boolean
  /** QEMU waits for the guest, on a connection of this process. */
  readonly incoming: boolean
  readonly domain: TargetDomain
  /** Disks that were made for it are to be removed. */
  readonly leftBehind: boolean
  /** After Committed: everything about it is written down. */
  readonly settled: boolean
  readonly full: string | null
}

export type TargetStep =
  | { readonly do: 'nothing' }
  | { readonly do: 'wait'; readonly afterMs: number; readonly why: string }
  | { readonly do: 'prepare' }
  /** Ends a QEMU in which nothing ever ran, remembers Failed, removes what was made for it. */
  | { readonly do: 'refuse'; readonly reason: string; readonly message: string }
  /** Lets the guest run if it does not, and writes the definition with this host's own files. */
  | { readonly do: 'settle' }

const SLOT_MS = 1_000

const refuse = (reason: string, message: string): TargetStep => ({ do: 'refuse', reason, message })

export function planTarget(seen: TargetSeen): TargetStep {
  const { phase, busy, domain, leftBehind, settled } = seen
  if (busy) return { do: 'nothing' }
  switch (phase) {
    case null:
    case 'Preparing':
    case 'Prepared':
    case 'Transferring':
    case 'Finishing':
      return planOpen(seen)
    case 'Committed':
    case 'Cleaned':
      return settled ? { do: 'nothing' } : { do: 'settle' }
    case 'Failed':
      return domain === 'absent' && !leftBehind ? { do: 'nothing' } : refuse('', '')
  }
}

/** Nothing is decided, and nothing ran here, not even in a QEMU that has the whole guest: it would have been Committed before. */
function planOpen({ spec, phase, incoming, domain, full }: TargetSeen): TargetStep {
  if (spec.cancel === true) return refuse('Aborted', 'it was called off')
  if (spec.resolution === 'KeepSource' || spec.resolution === 'StartAnew')
    return refuse('Resolved', 'it was decided that the machine stays where it was')
  if (phase === null || phase === 'Preparing')
    return full === null ? { do: 'prepare' } : { do: 'wait', afterMs: SLOT_MS, why: full }
  return incoming || domain === 'absent' || domain === 'off'
    ? { do: 'nothing' }
    : refuse('Interrupted', 'the agent of the target ended while its QEMU waited for the guest')
}
