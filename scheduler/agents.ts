// What the rest of the scheduler knows of the hosts' agents: what each last told, and the one thing that is asked of it, a binding.
import type { KubeObject } from '../lib/object.ts'
import type { HostBinding } from '../schemas/index.ts'

/** A host's agent, as far as the scheduler can see it. */
export interface AgentView {
  readonly node: string
  /** False while its list was not read yet or its watch is lost: what it told may be old. */
  readonly inSync: boolean
  binding(uid: string): HostBinding | null
  bindings(): readonly HostBinding[]
  /** The agent's own copy, by resource and uid. */
  object<T extends KubeObject>(resource: string, uid: string): T | null
  objects<T extends KubeObject>(resource: string): readonly T[]
}

export interface Agents {
  view(node: string): AgentView | null
  views(): readonly AgentView[]
  /** Hears of each change that an agent told, and with `null` of a change of `inSync`. */
  onChange(
    listener: (node: string, change: { readonly resource: string; readonly uid: string } | null) => void,
  ): () => void
  /**
   * Creates or replaces a binding at an agent. Resolves when the agent has it on disk.
   * @throws ApiError as the agent answered (Conflict: stale epoch, superseded scheduler, no room, in words), UnreachableError
   */
  put(node: string, binding: HostBinding, signal: AbortSignal): Promise<HostBinding>
  /** Removes the memory of an object that is gone everywhere. Absent: nothing to do. */
  forget(node: string, uid: string, signal: AbortSignal): Promise<void>
}
