// Typed access to objects under all API rules (defaults, validation, generation, finalizers, owner references):
// the one door for HTTP handlers and for controllers in the same process.
import type { KubeObject, NamespacedName } from '../object.ts'
import type { Telling } from '../store/store.ts'

export type Propagation = 'Background' | 'Foreground' | 'Orphan'

export interface DeleteOptions {
  /** Refuse (Conflict) when the object is another one by now. */
  readonly uid?: string
  readonly resourceVersion?: string
  readonly propagation?: Propagation
  readonly dryRun?: boolean
}

export interface StatusWrite extends Telling {
  /** An object that is not being deleted gets it, when it does not have it, in the same write. */
  readonly finalizer?: string
}

/** Fields that a caller may leave out of an object to create. */
export type NewObject<T extends KubeObject> = Omit<T, 'metadata' | 'status'> & {
  readonly metadata: { readonly name?: string; readonly generateName?: string; readonly namespace?: string } & Partial<
    T['metadata']
  >
}

/** `resource` is the GroupResource text; versions are the storage versions. Every method throws `ApiError`. */
export interface Resources {
  get<T extends KubeObject>(resource: string, name: NamespacedName): Promise<T | null>
  create<T extends KubeObject>(resource: string, object: NewObject<T>): Promise<T>
  /** As {@link create}, but the object is the one that it was: it keeps its uid, creation time and generation. Its status is left out. */
  recreate<T extends KubeObject>(resource: string, object: T): Promise<T>
  /**
   * Makes the object what `object` is but for its status, `generation` included (where it is not lower than it was): a copy of what somebody
   * else decides. Null when there is none with that uid.
   */
  follow<T extends KubeObject>(resource: string, object: T): Promise<T | null>
  /** Reads, lets `change` return a new object (or the same for "nothing to do"), writes under the resourceVersion read; repeats on conflict. Null when the object is gone. */
  modify<T extends KubeObject>(resource: string, name: NamespacedName, change: (object: T) => T): Promise<T | null>
  /**
   * As {@link modify} for `status` only; no write when it is deeply equal. `uid` guards against a successor of the same name.
   */
  modifyStatus<T extends KubeObject>(
    resource: string,
    target: NamespacedName & { readonly uid: string },
    change: (status: T['status'], object: T) => T['status'],
    options?: StatusWrite,
  ): Promise<T | null>
  addFinalizer(resource: string, target: NamespacedName & { readonly uid: string }, finalizer: string): Promise<void>
  /** Removing the last finalizer of an object with a deletionTimestamp removes the object. Absent object: nothing to do. */
  removeFinalizer(resource: string, target: NamespacedName & { readonly uid: string }, finalizer: string): Promise<void>
  /** Absent object: nothing to do. */
  delete(resource: string, name: NamespacedName, options?: DeleteOptions): Promise<void>
}
