// Who has joined, by the Nodes of the scheduler's store as ever; their agents are simulated ones.
import type { Client } from '../../lib/client/client.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { ClusterAuthority } from '../../scheduler/membership/authority.ts'
import { Members } from '../../scheduler/membership/members.ts'
import { simClient } from './client.ts'
import type { SimHost } from './host/host.ts'
import type { Network, Party } from './network.ts'
import type { Timeline } from './time.ts'

export interface SimMembersDeps {
  readonly reader: Reader
  readonly timeline: Timeline
  readonly network: Network
  readonly hosts: ReadonlyMap<string, SimHost>
  /** Who calls. */
  readonly party: Party
}

/** No certificates here: who calls whom is known. */
export const NO_AUTHORITY = { onChange: () => () => undefined } as unknown as ClusterAuthority

export class SimMembers extends Members {
  readonly #agents: ReadonlyMap<string, Client>

  constructor({ reader, hosts, party: from, ...deps }: SimMembersDeps) {
    super({ reader, authority: NO_AUTHORITY, version: 'sim' })
    this.#agents = new Map([...hosts].map(([name, host]) => [name, simClient({ ...deps, from, host })]))
  }

  override clientFor(node: string): Client | null {
    return this.urlOf(node) === null ? null : (this.#agents.get(node) ?? null)
  }
}
