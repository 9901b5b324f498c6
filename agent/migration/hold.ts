// Whether a move keeps the machine's own controller from it, and what its status says meanwhile. Pure.
import type { HostBinding, MigrationPhase } from '../../schemas/index.ts'

/** A move during which nobody but agent/migration touches the domain. */
export interface Hold {
  readonly side: 'Source' | 'Target'
  readonly peer: string
  readonly phase: MigrationPhase
  /** In words, for the condition. The same through all that is over in moments: a status that says each of them is written and read while the guest is paused. */
  readonly message: string
  /** RFC 3339; when the transfer began, as far as this host knows. */
  readonly startTime?: string
}

/** At the source: from the transfer on, and for good once the machine is elsewhere. */
const AT_SOURCE: readonly MigrationPhase[] = ['Transferring', 'Finishing', 'Committed', 'Cleaned']
const ARRIVED: readonly MigrationPhase[] = ['Committed', 'Cleaned']

export function holdOf(binding: HostBinding | null): Hold | null {
  const move = binding?.spec.migration
  if (binding === null || move === undefined || binding.spec.role === 'Released') return null
  const known = binding.status?.migration?.id === move.id ? binding.status.migration : undefined
  const { node: peer } = move.peer
  const rest = { side: move.side, peer, ...(known?.startTime ? { startTime: known.startTime } : {}) }
  const say = known?.message ?? ''
  if (move.side === 'Source')
    return known !== undefined && AT_SOURCE.includes(known.phase)
      ? { ...rest, phase: known.phase, message: say || atSource(known.phase, peer) }
      : null
  if (known !== undefined && ARRIVED.includes(known.phase) && known.endTime !== undefined) return null
  const phase = known?.phase ?? 'Preparing'
  return { ...rest, phase, message: say || `it is coming from ${peer}` }
}

function atSource(phase: MigrationPhase, peer: string): string {
  return phase === 'Transferring' || phase === 'Finishing'
    ? `its memory is being sent to ${peer}, which then takes it over`
    : `it runs on ${peer}`
}
