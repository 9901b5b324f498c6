// What is remembered of a host that is known dead, in `status.berth.death` of its Node.
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { Node } from '../../schemas/index.ts'
import { NODES } from '../../schemas/resources.ts'

/**
 * `fenced`: the fencing command said so. `watchdog`: machines that may be failed over were ended, or else the kernel's watchdog has reset the
 * host. `timeout`: the host's agent has ended such machines, by its own clock; the weakest.
 */
export type Evidence = 'fenced' | 'watchdog' | 'timeout'

export interface Death {
  readonly evidence: Evidence
  /** RFC 3339. */
  readonly since: string
  /** For people. */
  readonly message: string
  /** Of `watchdog`: the host was reset in any case, with all that ran there. */
  readonly whole?: boolean
  /**
   * Machines (uid -> epoch) for which it holds, by what the host said when it was last heard: that they end with its lease, or, of `fenced`, that it
   * does not start them by itself when it is back. Nothing is known of others: one that was made fit for failover later, which the host may
   * not have heard, may run there.
   */
  readonly covers: Readonly<Record<string, number>>
}

/** Whether the evidence is good for that machine. */
export const coversMachine = ({ covers }: Death, uid: string, epoch: number): boolean => covers[uid] === epoch

export const deathOf = (node: Pick<Node, 'status'> | null): Death | null =>
  (node?.status as { readonly berth?: { readonly death?: Death } } | undefined)?.berth?.death ?? null

export const deathOn = (reader: Pick<Reader, 'get'>, node: string): Death | null =>
  deathOf(reader.get<Node>(NODES, { namespace: '', name: node }))

/** In words, the evidence that nothing at all runs on the host; null: there is none. */
export function wholeDeath(death: Death | null): string | null {
  if (death === null || (death.evidence !== 'fenced' && death.whole !== true)) return null
  return `${death.evidence}: ${death.message}`
}
