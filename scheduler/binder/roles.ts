// What each host is told of one object, from what is remembered of it. Pure. Hosts that are not listed are told nothing: a host that has
// no binding of the object has nothing of it.
import type {
  BindingMigration,
  ClusterDiskStatus,
  ClusterVmStatus,
  HostBindingSpec,
  MigrationRecord,
} from '../../schemas/index.ts'
import { openMigration } from '../../schemas/index.ts'

export interface HostRole {
  readonly node: string
  readonly role: HostBindingSpec['role']
  readonly epoch: number
  readonly migration?: BindingMigration
}

/** Address of a node's agent, `https://ADDRESS:PORT`; null when it is not known. */
export type UrlOf = (node: string) => string | null

/** Migration phases in which the source has its part: it was told to go, and has not said yet how it ended. */
const SOURCE: readonly MigrationRecord['phase'][] = ['Transferring', 'Committed']

/** An address that nobody has (RFC 2606): of a host that was removed while its part in a move is not over. */
const NOWHERE = 'https://removed.invalid'

/**
 * Of a virtual machine. A migration whose peer has no known address waits: nobody is told of it. One that is under way is never taken back
 * from its hosts: without it the source would think that it has the machine, whatever the target has done.
 */
export function machineRoles(status: ClusterVmStatus, urlOf: UrlOf): readonly HostRole[] {
  const { placement, leaving = [] } = status
  const open = openMigration(status)
  const highest = placement?.epoch ?? 0
  const released = leaving
    .filter(({ node, until }) => node !== placement?.node && (open === null || until !== open.id))
    .map(({ node, epoch }): HostRole => ({ node, role: 'Released', epoch: Math.max(epoch, highest) }))
  if (open === null) return [...owner(placement), ...released]
  const part = (side: 'Source' | 'Target') => partOf(open, side, urlOf)
  const source = SOURCE.includes(open.phase) ? part('Source') : null
  const target = part('Target')
  if (placement?.node === open.to) {
    const from = leaving.find(({ node, until }) => node === open.from && until === open.id)
    return [
      { node: open.to, role: 'Owner', epoch: placement.epoch, ...optional(target) },
      ...(from === undefined
        ? []
        : [{ node: from.node, role: 'Owner', epoch: from.epoch, ...optional(source) } as const]),
      ...released,
    ]
  }
  return [
    ...owner(placement).map((role) => ({ ...role, ...optional(source) })),
    // Decided against it: it is told to let go, by an epoch above the one that it may have committed.
    ...(target === null || isForSource(open)
      ? []
      : [{ node: open.to, role: 'Target', epoch: open.epoch, migration: target } as const]),
    ...released.filter(({ node }) => isForSource(open) || node !== open.to),
  ]
}

/** Of a disk or another object that is on one host at a time. While its machine moves, it stays where it is. */
export function heldRoles(
  { placement, leaving = [] }: ClusterDiskStatus,
  open: MigrationRecord | null,
): readonly HostRole[] {
  const left = leaving
    .filter(({ node }) => node !== placement?.node)
    .map(({ node, epoch, until }): HostRole => {
      const held = until !== undefined && until === open?.id
      return held
        ? { node, role: 'Owner', epoch }
        : { node, role: 'Released', epoch: Math.max(epoch, placement?.epoch ?? 0) }
    })
  return [...owner(placement), ...left]
}

const isForSource = ({ resolution }: MigrationRecord): boolean =>
  resolution === 'KeepSource' || resolution === 'StartAnew'

const owner = (placement: ClusterVmStatus['placement']): readonly HostRole[] =>
  placement === undefined ? [] : [{ node: placement.node, role: 'Owner', epoch: placement.epoch }]

const optional = (migration: BindingMigration | null) => (migration === null ? {} : { migration })

function partOf(record: MigrationRecord, side: 'Source' | 'Target', urlOf: UrlOf): BindingMigration | null {
  const node = side === 'Source' ? record.to : record.from
  const url = urlOf(node) ?? (SOURCE.includes(record.phase) ? NOWHERE : null)
  if (url === null) return null
  return {
    id: record.id,
    side,
    peer: { node, url },
    epoch: record.epoch,
    ...(side === 'Source' ? { go: true } : {}),
    ...(record.cancel ? { cancel: true } : {}),
    ...(record.resolution === undefined ? {} : { resolution: record.resolution }),
    options: record.options,
  }
}
