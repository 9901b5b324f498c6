// What an agent keeps on its host's disk, and what of it others see: bindings, claims, copies of objects. Each change is durable at once.
import type { KubeObject } from '../../../lib/object.ts'
import type { HostBinding, HostBindingStatus } from '../../../schemas/index.ts'
import { type Known, NOBODY } from './admission.ts'

export const HOST_BINDINGS = 'hostbindings.cluster.berth'

/** One change, as a watch tells it. */
export interface Told {
  readonly revision: number
  readonly resource: string
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: KubeObject
}

const idOf = (resource: string, uid: string): string => `${resource} ${uid}`

export class AgentDisk {
  known: Known = NOBODY
  /** Uids of disks that have a file on this host alone. */
  readonly files = new Set<string>()
  /** Uids of machines that are not started without the scheduler's word. */
  promised: ReadonlySet<string> = new Set()
  readonly #bindings = new Map<string, HostBinding>()
  readonly #objects = new Map<string, { readonly resource: string; readonly object: KubeObject }>()
  readonly #listeners = new Set<(told: Told) => void>()
  readonly #log: Told[] = []
  #revision = 0

  /** The newest revision. */
  get revision(): number {
    return this.#revision
  }

  /** Changes of a resource after a revision. */
  since(resource: string, after: number): readonly Told[] {
    return this.#log.filter((told) => told.resource === resource && told.revision > after)
  }

  onChange(listener: (told: Told) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  binding(uid: string): HostBinding | null {
    return this.#bindings.get(uid) ?? null
  }

  bindings(): readonly HostBinding[] {
    return [...this.#bindings.values()]
  }

  putBinding(binding: HostBinding): HostBinding {
    const before = this.binding(binding.metadata.name)
    const stored = this.#stamped(binding)
    this.#bindings.set(stored.metadata.name, stored)
    this.#tell(HOST_BINDINGS, before === null ? 'ADDED' : 'MODIFIED', stored)
    return stored
  }

  /** A new status of a binding that is still there. */
  setStatus(uid: string, status: HostBindingStatus): void {
    const before = this.binding(uid)
    if (before === null || JSON.stringify(before.status) === JSON.stringify(status)) return
    this.putBinding({ ...before, status })
  }

  forget(uid: string): void {
    const before = this.binding(uid)
    if (before === null) return
    this.#bindings.delete(uid)
    this.#tell(HOST_BINDINGS, 'DELETED', this.#stamped(before))
  }

  object<T extends KubeObject>(resource: string, uid: string): T | null {
    return (this.#objects.get(idOf(resource, uid))?.object as T | undefined) ?? null
  }

  /** All of a resource; bindings too. */
  objects<T extends KubeObject>(resource: string): readonly T[] {
    if (resource === HOST_BINDINGS) return this.bindings() as unknown as readonly T[]
    return [...this.#objects.values()].flatMap((one) => (one.resource === resource ? [one.object as T] : []))
  }

  putObject(resource: string, object: KubeObject): void {
    const { uid } = object.metadata
    const before = this.object(resource, uid)
    if (before !== null && same(before, object)) return
    const stored = this.#stamped(object)
    this.#objects.set(idOf(resource, uid), { resource, object: stored })
    this.#tell(resource, before === null ? 'ADDED' : 'MODIFIED', stored)
  }

  removeObject(resource: string, uid: string): void {
    const before = this.object(resource, uid)
    if (before === null) return
    this.#objects.delete(idOf(resource, uid))
    this.#tell(resource, 'DELETED', this.#stamped(before))
  }

  #stamped<T extends KubeObject>(object: T): T {
    this.#revision += 1
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#revision) } }
  }

  #tell(resource: string, type: Told['type'], object: KubeObject): void {
    const told: Told = { revision: this.#revision, resource, type, object }
    this.#log.push(told)
    for (const listener of [...this.#listeners]) listener(told)
  }
}

const same = (one: KubeObject, other: KubeObject): boolean =>
  JSON.stringify({ ...one, metadata: { ...one.metadata, resourceVersion: '' } }) ===
  JSON.stringify({ ...other, metadata: { ...other.metadata, resourceVersion: '' } })
