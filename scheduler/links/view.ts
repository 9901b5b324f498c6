// What one agent last told, by resource and uid. Kept small: with many hosts this is most of a scheduler's memory.
import type { KubeObject } from '../../lib/object.ts'
import type { HostBinding } from '../../schemas/index.ts'
import { HOST_BINDINGS } from '../../schemas/resources.ts'
import type { AgentView } from '../agents.ts'

export interface Told {
  readonly resource: string
  readonly uid: string
  /** As it was known before; null: it was not. */
  readonly before: KubeObject | null
  /** It is what this scheduler has just put there itself. */
  readonly own?: true
}

export class NodeView implements AgentView {
  readonly node: string
  readonly #objects = new Map<string, Map<string, KubeObject>>()
  #inSync = false

  constructor(node: string) {
    this.node = node
  }

  get inSync(): boolean {
    return this.#inSync
  }

  /** @returns whether that is news */
  setInSync(inSync: boolean): boolean {
    const news = this.#inSync !== inSync
    this.#inSync = inSync
    return news
  }

  /** A binding's name is its subject's uid; its own uid means nothing to anybody. */
  binding(uid: string): HostBinding | null {
    return this.object<HostBinding>(HOST_BINDINGS, uid)
  }

  bindings(): readonly HostBinding[] {
    return this.objects<HostBinding>(HOST_BINDINGS)
  }

  object<T extends KubeObject>(resource: string, uid: string): T | null {
    return (this.#objects.get(resource)?.get(uid) ?? null) as T | null
  }

  objects<T extends KubeObject>(resource: string): readonly T[] {
    return [...(this.#objects.get(resource)?.values() ?? [])] as T[]
  }

  /** Everything of a resource, as it is now. @returns what is news in it */
  replace(resource: string, items: readonly KubeObject[]): readonly Told[] {
    const before = this.#of(resource)
    const after = new Map(items.map((item) => [uidOf(resource, item), slim(resource, item)]))
    const changed = [...after].filter(([uid, item]) => versionOf(before.get(uid)) !== versionOf(item))
    const gone = [...before.keys()].filter((uid) => !after.has(uid))
    this.#objects.set(resource, after)
    return [...changed.map(([uid]) => uid), ...gone].map((uid) => ({ resource, uid, before: before.get(uid) ?? null }))
  }

  /** A late word about an older state is not taken. @returns null when it is no news */
  put(resource: string, item: KubeObject): Told | null {
    const objects = this.#of(resource)
    const uid = uidOf(resource, item)
    const known = objects.get(uid)
    if (known !== undefined && versionOf(known) >= versionOf(item)) return null
    objects.set(uid, slim(resource, item))
    return { resource, uid, before: known ?? null }
  }

  /** @returns null when it was not known */
  drop(resource: string, item: KubeObject): Told | null {
    const uid = uidOf(resource, item)
    const before = this.#of(resource).get(uid) ?? null
    return this.#of(resource).delete(uid) ? { resource, uid, before } : null
  }

  #of(resource: string): Map<string, KubeObject> {
    const known = this.#objects.get(resource)
    if (known !== undefined) return known
    const made = new Map<string, KubeObject>()
    this.#objects.set(resource, made)
    return made
  }
}

const uidOf = (resource: string, { metadata }: KubeObject): string =>
  resource === HOST_BINDINGS ? metadata.name : metadata.uid

const versionOf = (object: KubeObject | undefined): bigint => {
  const text = object?.metadata.resourceVersion ?? ''
  return /^\d+$/.test(text) ? BigInt(text) : -1n
}

/** Without the record of field owners, and without the objects in a binding: what was put is known by its digest. */
function slim(resource: string, object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata
  if (resource !== HOST_BINDINGS) return { ...object, metadata }
  const { objects: __, ...binding } = object as HostBinding
  return { ...binding, metadata }
}
