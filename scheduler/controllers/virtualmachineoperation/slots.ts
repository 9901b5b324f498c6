// How many moves may be under way at once, and who is next. Pure; counted anew from the records at each pass.
import { type ClusterVmStatus, type MigrationRecord, openMigration } from '../../../schemas/index.ts'
import type { MigrationLimits } from './facts.ts'

/** An operation that waits for its turn. */
export interface Waiting {
  readonly id: string
  readonly name: string
  readonly from: string
  /** Of its machine; the higher one goes first. */
  readonly priority: number
  /** RFC 3339. */
  readonly createdAt: string
}

export interface Slots {
  readonly limits: MigrationLimits
  readonly nodes: number
  /** Records of all machines that are under way. */
  readonly open: readonly MigrationRecord[]
}

export const openRecords = (statuses: Iterable<ClusterVmStatus>): readonly MigrationRecord[] =>
  [...statuses].flatMap((status) => openMigration(status) ?? [])

export const clusterLimit = ({ limits, nodes }: Pick<Slots, 'limits' | 'nodes'>): number =>
  limits.parallel > 0 ? limits.parallel : Math.max(2, nodes)

/** A more important machine first, then who asked first, then by id. */
export const byTurn = (a: Waiting, b: Waiting): number =>
  b.priority - a.priority || compare(a.createdAt, b.createdAt) || compare(a.id, b.id)

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** In words, what holds `one` up; null: it may begin. `line`: all that could begin now but for a slot, `one` among them or not. */
export function startSlot(slots: Slots, one: Waiting, line: readonly Waiting[]): string | null {
  const { limits, open } = slots
  const ahead = line.filter((other) => other.id !== one.id && byTurn(other, one) < 0)
  const outgoing = (from: string) => open.filter((record) => record.from === from).length
  const here = outgoing(one.from)
  const before = ahead.filter(({ from }) => from === one.from).length
  if (here + before >= limits.outgoingPerNode)
    return `${here} of ${limits.outgoingPerNode} moves that may leave ${one.from} at once are under way${waitingWords(before)}`
  // Those ahead take only the slots that their own nodes leave them.
  const takers = new Map<string, number>()
  for (const { from } of ahead)
    takers.set(from, Math.min((takers.get(from) ?? 0) + 1, Math.max(0, limits.outgoingPerNode - outgoing(from))))
  const taken = [...takers.values()].reduce((sum, each) => sum + each, 0)
  const limit = clusterLimit(slots)
  if (open.length + taken >= limit)
    return `${open.length} of ${limit} moves that the cluster may have at once are under way${waitingWords(taken)}`
  return null
}

const waitingWords = (count: number): string =>
  count === 0 ? '' : `, and ${count} ${count === 1 ? 'other is' : 'others are'} before it`

/** In words, what a prepared move waits for; null: it may transfer. */
export function transferSlot({ limits, open }: Slots, record: MigrationRecord): string | null {
  const others = open.filter(({ id, phase }) => id !== record.id && phase === 'Transferring')
  const leaving = others.filter(({ from }) => from === record.from).length
  if (leaving >= limits.transferringPerNode)
    return `${leaving} of ${limits.transferringPerNode} transfers that may leave ${record.from} at once are under way`
  const coming = others.filter(({ to }) => to === record.to).length
  if (coming >= limits.incomingPerNode)
    return `${coming} of ${limits.incomingPerNode} transfers that may come to ${record.to} at once are under way`
  return null
}
