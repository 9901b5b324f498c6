// What is remembered of a host that is known dead, in `status.berth.death` of its Node.
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { Node } from '../../schemas/index.ts'
import { NODES } from '../../schemas/resources.ts'

/**
 * `fenced`: the fencing command said so. `watchdog`: the kernel's watchdog has reset the host. `timeout`: the host's agent has ended machines
 * that may be failed over, by its own clock; the weakest, and it says nothing of other machines.
 */
export type Evidence = 'fenced' | 'watchdog' | 'timeout'

export interface Death {
  readonly evidence: Evidence
  /** RFC 3339. */
  readonly since: string
  /** For people. */
  readonly message: string
  /**
   * Of `watchdog` and `timeout`: machines (uid -> epoch) of which the host said, when it was last heard, that they end with its lease. Nothing is
   * known of others: one that was made fit for failover later, which the host may not have heard, may run there still.
   */
  readonly covers?: Readonly<Record<string, number>>
}

/** Whether the evidence is good for that machine. */
export const coversMachine = ({ evidence, covers = {} }: Death, uid: string, epoch: number): boolean =>
  evidence === 'fenced' || covers[uid] === epoch

export const deathOf = (node: Pick<Node, 'status'> | null): Death | null =>
  (node?.status as { readonly berth?: { readonly death?: Death } } | undefined)?.berth?.death ?? null

export const deathOn = (reader: Pick<Reader, 'get'>, node: string): Death | null =>
  deathOf(reader.get<Node>(NODES, { namespace: '', name: node }))

/** In words, the evidence that nothing runs on the host; null: there is none. A timeout ends only machines that may be failed over. */
export function wholeDeath(death: Death | null): string | null {
  return death === null || death.evidence === 'timeout' ? null : `${death.evidence}: ${death.message}`
}
