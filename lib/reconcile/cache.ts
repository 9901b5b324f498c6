// The reader over a store: loads resources once, then follows the store's commits in the same call stack.
import { type KubeObject, type NamespacedName, nameOf } from '../object.ts'
import { keyOf, revisionOf } from '../store/change.ts'
import type { Change, Revision, Store } from '../store/store.ts'
import type { Reader, Some } from './reader.ts'
import { SortedObjects } from './sorted.ts'

/** The values under which an object is found in an index. Must not throw. */
export type IndexFunction = (object: KubeObject) => readonly string[]

export interface CacheOptions {
  readonly store: Store
  /** GroupResource names; reading any other is an error. */
  readonly resources: readonly string[]
  /** By name: `resource/name`. */
  readonly indexes?: Readonly<Record<string, IndexFunction>>
}

interface Index {
  readonly resource: string
  readonly valuesOf: IndexFunction
  readonly found: Map<string, SortedObjects>
}

const NONE: readonly KubeObject[] = []

export class Cache implements Reader {
  readonly #store: Store
  readonly #objects: ReadonlyMap<string, SortedObjects>
  readonly #indexes: ReadonlyMap<string, Index>
  /** By resource. */
  readonly #indexesOf = new Map<string, Index[]>()
  readonly #listeners = new Set<(change: Change) => void>()
  /** Changes that came while loading; null once loaded. */
  #early: Change[] | null = []
  #unsubscribe: (() => void) | null = null

  constructor({ store, resources, indexes = {} }: CacheOptions) {
    this.#store = store
    this.#objects = new Map(resources.map((resource) => [resource, new SortedObjects()]))
    this.#indexes = new Map(
      Object.entries(indexes).map(([name, valuesOf]) => {
        const resource = name.slice(0, name.indexOf('/'))
        if (!this.#objects.has(resource))
          throw new TypeError(`index ${name} is of a resource that the cache does not hold`)
        return [name, { resource, valuesOf, found: new Map() }]
      }),
    )
    for (const index of this.#indexes.values())
      this.#indexesOf.set(index.resource, [...(this.#indexesOf.get(index.resource) ?? []), index])
  }

  /** Loads everything; afterwards the cache is never behind the store. Once. */
  async start(): Promise<void> {
    if (this.#unsubscribe !== null) throw new Error('the cache was started already')
    this.#unsubscribe = this.#store.subscribe((changes) => this.#follow(changes))
    const loaded = new Map<string, Revision>()
    for (const resource of this.#objects.keys()) {
      const { entries, revision } = await this.#store.list(resource)
      loaded.set(resource, revision)
      for (const { key, value } of entries) this.#put(resource, key, value)
    }
    const missed = (this.#early ?? []).filter(
      (change) => revisionOf(change) > (loaded.get(keyOf(change).resource) ?? 0n),
    )
    this.#early = null
    this.#follow(missed)
  }

  stop(): void {
    this.#unsubscribe?.()
    this.#listeners.clear()
  }

  get<T extends KubeObject = KubeObject>(resource: string, name: NamespacedName): T | null {
    return this.#of(resource).get(name) as T | null
  }

  list<T extends KubeObject = KubeObject>(resource: string, namespace?: string): readonly T[] {
    return this.#of(resource).list(namespace) as T[]
  }

  byIndex<T extends KubeObject = KubeObject>(index: string, value: string): readonly T[] {
    return (this.#found(index, value)?.list() ?? NONE) as readonly T[]
  }

  someByIndex<T extends KubeObject = KubeObject>(index: string, value: string, most: number): Some<T> {
    const found = this.#found(index, value)
    return { count: found?.size ?? 0, first: (found?.first(most) ?? []) as T[] }
  }

  #found(index: string, value: string): SortedObjects | undefined {
    this.#mustBeLoaded()
    const known = this.#indexes.get(index)
    if (known === undefined) throw new TypeError(`the cache has no index ${index}`)
    return known.found.get(value)
  }

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #mustBeLoaded(): void {
    if (this.#early !== null) throw new Error('the cache is not loaded yet')
  }

  #of(resource: string): SortedObjects {
    this.#mustBeLoaded()
    const objects = this.#objects.get(resource)
    if (objects === undefined) throw new TypeError(`the cache does not hold ${resource}`)
    return objects
  }

  /** Listeners see the state after the whole commit, never half a transaction. */
  #follow(changes: readonly Change[]): void {
    const ours = changes.filter((change) => this.#objects.has(keyOf(change).resource))
    if (this.#early !== null) {
      this.#early.push(...ours)
      return
    }
    for (const change of ours) {
      const { key, value } = change.type === 'put' ? change.entry : { key: change.key, value: null }
      this.#put(key.resource, key, value)
    }
    this.#tell(ours)
  }

  /** One listener's fault must not cost another its wake-up. */
  #tell(changes: readonly Change[]): void {
    const failures: unknown[] = []
    for (const change of changes)
      for (const listener of [...this.#listeners])
        try {
          listener(change)
        } catch (error) {
          failures.push(error)
        }
    if (failures.length > 0) throw new AggregateError(failures, 'listeners of the cache failed')
  }

  #put(resource: string, name: NamespacedName, value: KubeObject | null): void {
    const objects = this.#objects.get(resource)
    if (objects === undefined) return
    const old = objects.get(name)
    for (const index of this.#indexesOf.get(resource) ?? []) reindex(index, old, value)
    if (value === null) objects.delete(name)
    else objects.set(name, value)
  }
}

/** A value that stays keeps its place: an index may have one value for very many objects, and finding a place among them is what costs. */
function reindex({ valuesOf, found }: Index, old: KubeObject | null, value: KubeObject | null): void {
  const [before, after] = [old === null ? [] : valuesOf(old), value === null ? [] : valuesOf(value)]
  for (const key of before) {
    if (old === null || after.includes(key)) continue
    const objects = found.get(key)
    objects?.delete(nameOf(old))
    if (objects?.size === 0) found.delete(key)
  }
  for (const key of after) {
    if (value === null) continue
    const objects = found.get(key) ?? new SortedObjects()
    objects.set(nameOf(value), value)
    found.set(key, objects)
  }
}
