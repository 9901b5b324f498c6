// Who owns whom: owner references resolved against what the cache holds.
import type { KubeObject, NamespacedName, OwnerReference } from '../object.ts'
import type { IndexFunction } from '../reconcile/cache.ts'
import type { Reader } from '../reconcile/reader.ts'

/** A resource whose objects may own or be owned. */
export interface OwnedKind {
  /** GroupResource text. */
  readonly resource: string
  /** Empty for core. */
  readonly group: string
  readonly kind: string
  readonly namespaced: boolean
}

/**
 * What an owner reference points at. `unknown`: nothing can be said of such a kind, so nothing may be concluded from it.
 * `gone`: no object of that name, or another one than the reference's uid.
 */
export type OwnerState = 'present' | 'foreground' | 'gone' | 'unknown'

/** Holds an owner until its dependents are gone. Kubernetes' name. */
export const FOREGROUND_FINALIZER = 'foregroundDeletion'
/** Holds an owner until its dependents no longer name it. Kubernetes' name. */
export const ORPHAN_FINALIZER = 'orphan'

const indexName = (resource: string): string => `${resource}/owner-uid`

const ownerUids: IndexFunction = (object) => [...new Set(refsOf(object).map(({ uid }) => uid))]

/** The indexes that {@link Owners} needs of the cache. */
export const ownerIndexes = (kinds: readonly OwnedKind[]): Record<string, IndexFunction> =>
  Object.fromEntries(kinds.map(({ resource }) => [indexName(resource), ownerUids]))

export const refsOf = (object: KubeObject): readonly OwnerReference[] => object.metadata.ownerReferences ?? []

/** True while the object waits for that finalizer's controller. */
export const waitsFor = (object: KubeObject, finalizer: string): boolean =>
  object.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).includes(finalizer)

const groupOf = (apiVersion: string): string => {
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? '' : apiVersion.slice(0, slash)
}

export class Owners {
  readonly #reader: Reader
  readonly #kinds: readonly OwnedKind[]
  /** By resource, the index of its objects' owners. */
  readonly #indexes: ReadonlyMap<string, string>

  constructor(reader: Reader, kinds: readonly OwnedKind[]) {
    this.#reader = reader
    this.#kinds = kinds
    this.#indexes = new Map(kinds.map(({ resource }) => [resource, indexName(resource)]))
  }

  /** Where the owner would be, or null for a kind that is not known here, or one that cannot own this dependent. */
  locate(
    dependent: KubeObject,
    ref: OwnerReference,
  ): { readonly resource: string; readonly name: NamespacedName } | null {
    const group = groupOf(ref.apiVersion)
    const kind = this.#kinds.find((known) => known.kind === ref.kind && known.group === group)
    if (kind === undefined) return null
    const { namespace } = dependent.metadata
    if (kind.namespaced && namespace === undefined) return null
    return { resource: kind.resource, name: { namespace: kind.namespaced ? (namespace ?? '') : '', name: ref.name } }
  }

  stateOf(dependent: KubeObject, ref: OwnerReference): OwnerState {
    const place = this.locate(dependent, ref)
    if (place === null) return 'unknown'
    const owner = this.#reader.get(place.resource, place.name)
    if (owner === null || owner.metadata.uid !== ref.uid) return 'gone'
    return waitsFor(owner, FOREGROUND_FINALIZER) ? 'foreground' : 'present'
  }

  /** The objects that name `owner` as an owner of theirs. */
  dependentsOf(owner: KubeObject): readonly { readonly resource: string; readonly object: KubeObject }[] {
    const found: { readonly resource: string; readonly object: KubeObject }[] = []
    for (const [resource, index] of this.#indexes)
      for (const object of this.#reader.byIndex(index, owner.metadata.uid))
        if (this.#mayOwn(owner, object)) found.push({ resource, object })
    return found
  }

  /** An owner in a namespace owns only there. */
  #mayOwn(owner: KubeObject, dependent: KubeObject): boolean {
    return owner.metadata.namespace === undefined || owner.metadata.namespace === dependent.metadata.namespace
  }
}
