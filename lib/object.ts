// The shape that every API object has, whatever its kind (Kubernetes API conventions, "Objects" and "Metadata").

/** Reference to the object that owns this one; the owner's deletion deletes it (garbage collection). */
export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

/** Standard object metadata. `resourceVersion` is the decimal text of the store's revision; timestamps are RFC 3339 in UTC, seconds. */
export interface ObjectMeta {
  readonly name: string
  readonly generateName?: string
  /** Absent on cluster-scoped objects. */
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  /** Grows by one at each change of what was asked for (spec), never at a change of status. */
  readonly generation?: number
  readonly creationTimestamp: string
  /** Set when deletion was asked for and finalizers still hold the object. */
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  readonly ownerReferences?: readonly OwnerReference[]
  /** Who owns which fields. In the store and in this process in the compact form of `apiserver/fields`, on the wire as Kubernetes has it. */
  readonly managedFields?: readonly object[]
}

/** Any API object. Kinds narrow `spec` and `status`; some (Secret, Event) have top-level fields of their own. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
  readonly spec?: unknown
  readonly status?: unknown
}

/** An element of `status.conditions` (Kubernetes API conventions, "Typical status properties"). */
export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  /** One sentence for people. Empty when the reason says it all. */
  readonly message: string
  /** When `status` last changed, RFC 3339. */
  readonly lastTransitionTime: string
  readonly observedGeneration?: number
}

/** The name of one object of a known resource; `namespace` is the empty string for cluster-scoped ones. */
export interface NamespacedName {
  readonly namespace: string
  readonly name: string
}

/** Text form of a name, used as a queue key: `namespace/name`, or `/name` for cluster-scoped objects. */
export const toKey = ({ namespace, name }: NamespacedName): string => `${namespace}/${name}`

/** The reverse of {@link toKey}. */
export function fromKey(key: string): NamespacedName {
  const slash = key.indexOf('/')
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** The name of an object as a {@link NamespacedName}. */
export const nameOf = (object: KubeObject): NamespacedName => ({
  namespace: object.metadata.namespace ?? '',
  name: object.metadata.name,
})
