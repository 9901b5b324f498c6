// Objects in memory, kept equal to the store by its change feed: what controllers read.
import type { KubeObject, NamespacedName } from '../object.ts'
import type { Change } from '../store/store.ts'

/** So many there are, and some of them. */
export interface Some<T> {
  readonly count: number
  readonly first: readonly T[]
}

/** Never stale within the process: a write is visible here before its promise resolves. Objects are shared; treat as frozen. */
export interface Reader {
  get<T extends KubeObject = KubeObject>(resource: string, name: NamespacedName): T | null
  /** All of a resource, of one namespace when given, ordered by namespace and name. */
  list<T extends KubeObject = KubeObject>(resource: string, namespace?: string): readonly T[]
  /** Objects whose `index` function gave `value`. Indexes are named `resource/name` and given at construction. */
  byIndex<T extends KubeObject = KubeObject>(index: string, value: string): readonly T[]
  /** How many {@link byIndex} has, and the first `most` of them: for those whose value very many objects have. */
  someByIndex<T extends KubeObject = KubeObject>(index: string, value: string, most: number): Some<T>
  /** Calls `listener` with each change after the cache has it. Returns the unsubscribe function. */
  onChange(listener: (change: Change) => void): () => void
}
