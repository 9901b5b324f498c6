// Agents that say what a test lets them say. Fakes: nothing is sent anywhere.
import type { Agents, AgentView } from '../../../scheduler/agents.ts'
import type { BindingMigrationStatus, HostBinding, HostBindingStatus } from '../../../schemas/index.ts'

type Listener = Parameters<Agents['onChange']>[0]

export class FakeAgents implements Agents {
  readonly nodes: readonly string[]
  readonly silent = new Set<string>()
  readonly #bindings = new Map<string, Map<string, HostBinding>>()
  readonly #listeners = new Set<Listener>()

  constructor(nodes: readonly string[]) {
    this.nodes = nodes
  }

  view(node: string): AgentView | null {
    if (!this.nodes.includes(node)) return null
    const of = this.#bindings.get(node) ?? new Map<string, HostBinding>()
    return {
      node,
      inSync: !this.silent.has(node),
      binding: (uid) => of.get(uid) ?? null,
      bindings: () => [...of.values()],
      object: () => null,
      objects: () => [],
    }
  }

  views(): readonly AgentView[] {
    return this.nodes.flatMap((node) => this.view(node) ?? [])
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  put(): Promise<HostBinding> {
    throw new Error('only the binder puts bindings')
  }

  forget(): Promise<void> {
    throw new Error('only the binder forgets bindings')
  }

  /** Its binding of the object has that status from now on. */
  tell(node: string, uid: string, status: HostBindingStatus): void {
    const of = this.#bindings.get(node) ?? new Map<string, HostBinding>()
    of.set(uid, { apiVersion: 'cluster.berth/v1', kind: 'HostBinding', metadata: { name: uid }, status } as HostBinding)
    this.#bindings.set(node, of)
    for (const listener of this.#listeners) listener(node, { resource: 'hostbindings.cluster.berth', uid })
  }

  tellMigration(
    node: string,
    uid: string,
    id: string,
    phase: BindingMigrationStatus['phase'],
    more: object = {},
  ): void {
    this.tell(node, uid, { phase: 'Accepted', migration: { id, phase, ...more } })
  }

  hush(node: string, silent = true): void {
    if (silent) this.silent.add(node)
    else this.silent.delete(node)
    for (const listener of this.#listeners) listener(node, null)
  }
}
