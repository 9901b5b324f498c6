// Whether a move that is under way keeps a machine from being started here. Pure.
import type { HostBinding, MigrationPhase } from '../../schemas/index.ts'

/** At the target, once it is decided that the machine is here. */
const ARRIVED: readonly MigrationPhase[] = ['Committed', 'Cleaned']

/** In words; null when no move does. */
export function migrationRefusal({ spec, status }: HostBinding): string | null {
  const { migration } = spec
  if (migration === undefined) return null
  const known = status?.migration?.id === migration.id ? status.migration : undefined
  const phase = known?.phase
  if (migration.side === 'Source')
    return phase === 'Failed'
      ? null
      : `it is moving to ${migration.peer.node} (${phase ?? 'about to begin'}): whether it is still here is not known yet`
  if (phase === undefined || !ARRIVED.includes(phase))
    return `it is moving here from ${migration.peer.node} (${phase ?? 'about to begin'}), which is not decided yet`
  // QEMU lets a guest go on at the source by itself when its post-copy breaks at the very end.
  return known?.reason === 'PostCopyFailed' && migration.resolution !== 'KeepTarget'
    ? `it broke on its way from ${migration.peer.node}, and starts anew when that host has ended its part of the guest`
    : null
}
