// What a store of objects promises. Drivers: sqlite (one host), etcd (several schedulers). One contract suite runs against each.
import type { KubeObject } from '../object.ts'

/** The store's one counter; every committed write gets the next. Never compared between stores. */
export type Revision = bigint

/** Where an object lives. `resource` is Kubernetes' GroupResource text: `virtualmachines.virtualization.deckhouse.io`, `secrets`. */
export interface StoreKey {
  readonly resource: string
  /** Empty for cluster-scoped objects. */
  readonly namespace: string
  readonly name: string
}

/** A stored object. `value.metadata.resourceVersion` is always `String(revision)`. Values are shared: treat as frozen. */
export interface Entry {
  readonly key: StoreKey
  readonly value: KubeObject
  readonly revision: Revision
}

/** One committed change, in revision order. */
export type Change =
  | { readonly type: 'put'; readonly entry: Entry; readonly previous: KubeObject | null }
  /** `revision` is that of the deletion; `previous` the last value. */
  | { readonly type: 'delete'; readonly key: StoreKey; readonly revision: Revision; readonly previous: KubeObject }

/** What must hold for a write. */
export interface Expect {
  readonly revision?: Revision
  readonly uid?: string
}

export interface Telling {
  /**
   * Watches may show the change so many ms later, still in order: its maker has something to do that what others make of the change would keep
   * from the processors. Subscribers hear of it at once all the same. Absent: at once. A driver that cannot wait tells it at once.
   */
  readonly watchWithinMs?: number
}

export type Op =
  | { readonly op: 'create'; readonly key: StoreKey; readonly value: KubeObject }
  | (Telling & { readonly op: 'update'; readonly key: StoreKey; readonly value: KubeObject; readonly expect?: Expect })
  | { readonly op: 'delete'; readonly key: StoreKey; readonly expect?: Expect }
  /** Writes nothing; the transaction fails when the object is absent or does not match. */
  | { readonly op: 'check'; readonly key: StoreKey; readonly expect?: Expect }

export interface ListOptions {
  /** Only this namespace; all when absent. */
  readonly namespace?: string
  /** Page size. The answer's `continue` fetches the next page at the SAME revision, or fails with `expired`. */
  readonly limit?: number
  readonly continue?: string
}

export interface ListResult {
  readonly entries: readonly Entry[]
  /** The revision that the list shows. */
  readonly revision: Revision
  readonly continue?: string
  readonly remaining?: number
}

export type StoreErrorCode =
  | 'exists'
  | 'not-found'
  | 'conflict'
  /** The revision asked for is no longer in the change log (or the token is not this store's). */
  | 'expired'
  | 'too-large'
  | 'too-many'
  | 'bad-token'
  /** Something keeps the store from its work; `trouble` tells what. */
  | 'unavailable'

/** What keeps a store from its work. */
export type Trouble =
  /** No space left; over as soon as there is some. */
  | 'full'
  /** Its file system or files take no writes. */
  | 'read-only'
  /** What is on disk cannot be believed: a backup, or a rebuild, is the way on. */
  | 'damaged'
  /** Reading or writing failed. */
  | 'io'
  /** What was written may not have reached the disk, and nobody can tell: only a new process may trust what it reads there. */
  | 'unsynced'
  /** Another process has it. */
  | 'busy'
  /** Whole, but not for this program as it is: another program's file, a newer layout, a key that is missing or wrong. */
  | 'unusable'
  | 'closed'

/** Why the store did not do it. The message is for operators and may name files. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode
  readonly key: StoreKey | undefined
  /** Of `unavailable` only. */
  readonly trouble: Trouble | undefined

  constructor(
    code: StoreErrorCode,
    message: string,
    key?: StoreKey,
    { trouble, ...options }: ErrorOptions & { readonly trouble?: Trouble } = {},
  ) {
    super(message, options)
    this.code = code
    this.key = key
    this.trouble = trouble
  }
}

/** Keeps a store from its work, in words for an operator. */
export const unavailable = (trouble: Trouble, message: string, cause?: unknown): StoreError =>
  new StoreError('unavailable', message, undefined, { trouble, ...(cause === undefined ? {} : { cause }) })

/** Bytes of one object at most, as JSON. */
export const MAX_OBJECT_BYTES = 1_048_576
/** Operations of one transaction at most. */
export const MAX_OPS = 100

/** A durable, watchable store of objects. What is acknowledged is on disk. */
export interface Store {
  /** Changes when a store is made or restored from a copy. */
  readonly id: string
  /** The newest committed revision. */
  revision(): Revision
  /** Changes up to this revision are no longer kept; each later one is a record of the change log. */
  compacted(): Revision
  get(key: StoreKey): Promise<Entry | null>
  list(resource: string, options?: ListOptions): Promise<ListResult>
  /** All or nothing. One entry per operation; null for `delete` and `check`. @throws StoreError */
  transact(ops: readonly Op[]): Promise<readonly (Entry | null)[]>
  create(key: StoreKey, value: KubeObject): Promise<Entry>
  update(key: StoreKey, value: KubeObject, expect?: Expect, telling?: Telling): Promise<Entry>
  delete(key: StoreKey, expect?: Expect): Promise<void>
  /** Changes after `after`, then live ones, until the signal aborts (ends quietly). A consumer that falls behind by more than the log gets `expired`. */
  watch(
    from: { readonly resource: string; readonly namespace?: string; readonly after: Revision },
    signal: AbortSignal,
  ): AsyncIterable<Change>
  /** Why nothing can be stored now; null while writes work. Reads may still be answered. */
  trouble(): StoreError | null
  /** Called when {@link trouble} comes, becomes another or goes. Must not throw. Returns the unsubscribe function. */
  onTrouble(listener: (trouble: StoreError | null) => void): () => void
  /** Called synchronously after each commit, in order, before the writer's promise resolves. Must not throw. Returns the unsubscribe function. */
  subscribe(listener: (changes: readonly Change[]) => void): () => void
  close(): Promise<void>
}
