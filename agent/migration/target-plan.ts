// What the host that a machine goes to does next. Pure. This host alone decides whether the machine has come, and remembers it before
// anything runs: Prepared -> Finishing -> Committed or Failed. What was decided is never changed.
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

export function planTarget({ spec, phase, busy, incoming, domain, leftBehind, settled, full }: TargetSeen): TargetStep {
  if (busy) return { do: 'nothing' }
  const refuse = (reason: string, message: string): TargetStep => ({ do: 'refuse', reason, message })
  switch (phase) {
    case null:
    case 'Preparing':
    case 'Prepared':
    case 'Transferring':
      if (spec.cancel === true) return refuse('Aborted', 'it was called off')
      if (spec.resolution === 'KeepSource' || spec.resolution === 'StartAnew')
        return refuse('Resolved', 'it was decided that the machine stays where it was')
      if (phase === 'Prepared' || phase === 'Transferring')
        return domain === 'absent' || domain === 'off' || incoming
          ? { do: 'nothing' }
          : refuse('Interrupted', 'the agent of the target ended while its QEMU waited for the guest')
      return full === null ? { do: 'prepare' } : { do: 'wait', afterMs: SLOT_MS, why: full }
    case 'Finishing':
      // Nothing ran here yet: it would have been Committed before.
      return refuse('Interrupted', 'the agent of the target ended before it had decided')
    case 'Committed':
    case 'Cleaned':
      return settled ? { do: 'nothing' } : { do: 'settle' }
    case 'Failed':
      return domain === 'absent' && !leftBehind ? { do: 'nothing' } : refuse('', '')
  }
}
