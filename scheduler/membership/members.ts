// The joined hosts and how their agents are called: mutual TLS, each known by its own name in the cluster, wherever it answers.
import { createSecureContext, type SecureContext } from 'node:tls'
import { Client } from '../../lib/client/client.ts'
import { nodeServerName } from '../../lib/cluster/identity.ts'
import { clusterTarget } from '../../lib/cluster/target.ts'
import type { KubeObject } from '../../lib/object.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { keyOf } from '../../lib/store/change.ts'
import { NODES } from '../names.ts'
import type { ClusterAuthority } from './authority.ts'
import { urlOfNode } from './node-record.ts'

export interface MembersDeps {
  readonly reader: Pick<Reader, 'get' | 'list' | 'onChange'>
  readonly authority: Pick<ClusterAuthority, 'credentials' | 'onChange'>
  readonly version: string
}

interface Known {
  readonly url: string
  readonly client: Client
}

/** Follows the Nodes of the scheduler's store. Clients are made when asked for, and closed when address or certificate change. */
export class Members {
  readonly #deps: MembersDeps
  readonly #clients = new Map<string, Known>()
  readonly #listeners = new Set<(node: string) => void>()
  readonly #unsubscribe: readonly (() => void)[]
  /** Address by name of each joined node, in order; null: to be read anew. Asked for at every decision, and changed by few writes. */
  #joined: ReadonlyMap<string, string> | null = null
  /** Of the scheduler's certificate: one for the connections to all agents. */
  #context: SecureContext | null = null

  constructor(deps: MembersDeps) {
    this.#deps = deps
    this.#unsubscribe = [
      deps.reader.onChange((change) => {
        const { resource, name } = keyOf(change)
        if (resource !== NODES) return
        const before = change.previous === null ? null : urlOfNode(change.previous)
        const after = change.type === 'put' ? urlOfNode(change.entry.value) : null
        if (before === after) return
        this.#joined = null
        this.#renew(name)
      }),
      deps.authority.onChange(() => {
        this.#context = null
        for (const node of this.nodes()) this.#renew(node)
      }),
    ]
  }

  /** Names of the joined nodes. */
  nodes(): readonly string[] {
    return [...this.#urls().keys()]
  }

  /** Where others find the agent: `https://ADDRESS:PORT`; null for a node that has not joined, or has left. */
  urlOf(node: string): string | null {
    return this.#urls().get(node) ?? null
  }

  #urls(): ReadonlyMap<string, string> {
    this.#joined ??= new Map(
      this.#deps.reader.list(NODES).flatMap((node) => {
        const url = urlOfNode(node)
        return url === null ? [] : [[node.metadata.name, url] as const]
      }),
    )
    return this.#joined
  }

  /** Of its Node, another one each time that it joins; null for a node that has not joined, or has left. */
  uidOf(node: string): string | null {
    const known = this.#deps.reader.get<KubeObject>(NODES, { namespace: '', name: node })
    return known === null || urlOfNode(known) === null ? null : known.metadata.uid
  }

  /**
   * The client of a node's agent, the same one until address or certificate change; closing it is not the caller's. Null for a node that
   * has not joined, or has left.
   */
  clientFor(node: string): Client | null {
    const url = this.urlOf(node)
    if (url === null) return null
    const known = this.#clients.get(node)
    if (known?.url === url) return known.client
    const { authority, version } = this.#deps
    const { credentials } = authority
    this.#context ??= createSecureContext({ ...credentials })
    const target = clusterTarget(url, nodeServerName(node), credentials, this.#context)
    const client = new Client(target, `berth-scheduler/${version}`)
    this.#clients.set(node, { url, client })
    return client
  }

  /** Hears of nodes that join or leave, and of changed addresses and certificates. Returns the unsubscribe function. */
  onChange(listener: (node: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async stop(): Promise<void> {
    for (const end of this.#unsubscribe) end()
    await Promise.all([...this.#clients.values()].map(({ client }) => client.close()))
  }

  /** What is under way over the old client ends; who asks again gets the new one. */
  #renew(node: string): void {
    const known = this.#clients.get(node)
    this.#clients.delete(node)
    void known?.client.close()
    for (const listener of this.#listeners) listener(node)
  }
}
