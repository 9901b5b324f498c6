// Whether a move that is under way keeps a machine from being started here. Pure.
import type { HostBinding, MigrationPhase } from '../../schemas/index.ts'

/** At the target, once it is decided that the machine is here. */
const ARRIVED: readonly MigrationPhase[] = ['Committed', 'Cleaned']

/** In words; null when no move does. */
export function migrationRefusal({ spec, status }: HostBinding): string | null {
  const { migration } = spec
  if (migration === undefined) return null
  const phase = status?.migration?.id === migration.id ? status.migration.phase : undefined
  if (migration.side === 'Source')
    return phase === 'Failed'
      ? null
      : `it is moving to ${migration.peer.node} (${phase ?? 'about to begin'}): whether it is still here is not known yet`
  return phase !== undefined && ARRIVED.includes(phase)
    ? null
    : `it is moving here from ${migration.peer.node} (${phase ?? 'about to begin'}), which is not decided yet`
}
