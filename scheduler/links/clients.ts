// Which hosts have joined, and how their agents are called: the contract of the links with whoever keeps certificates and addresses.
import type { Client } from '../../lib/client/client.ts'

export interface AgentClients {
  /** Names of the joined nodes. */
  nodes(): readonly string[]
  /** The client of a node's agent: mutual TLS, as the scheduler. Null for a node that has not joined, or has left. */
  clientFor(node: string): Client | null
  /** Where others find the agent: `https://ADDRESS:PORT`. */
  urlOf(node: string): string | null
  /** Hears of nodes that join or leave, and of changed addresses and certificates. Returns the unsubscribe function. */
  onChange(listener: (node: string) => void): () => void
}
