// What every verb works with, and the hooks by which a server adds refusals of its own.
import type { KindDef } from '../../../schemas/kind.ts'
import type { Clock } from '../../clock.ts'
import type { FieldError } from '../../errors.ts'
import type { KubeObject } from '../../object.ts'
import type { Store } from '../../store/store.ts'
import type { Caller } from '../auth/caller.ts'
import type { Registry } from '../registry.ts'
import type { Resources } from '../resources.ts'
import type { JsonObject } from './json.ts'

/** A write about to happen, in the storage version. Status, and finalizers that controllers set, do not come here. */
export interface AdmissionRequest {
  readonly operation: 'create' | 'update' | 'delete'
  readonly kind: KindDef
  /** What will be stored; at deletion the object as it is. */
  readonly object: KubeObject
  /** Null at creation. */
  readonly old: KubeObject | null
  readonly dryRun: boolean
  /** Who writes; null for the server itself, and at deletion. */
  readonly caller: Caller | null
  readonly resources: Resources
}

/**
 * Throws an `ApiError` to refuse. Runs again when a write is repeated after a conflict, so it must have no effects. One that needs to wait for nothing
 * returns nothing.
 */
export type Admission = (request: AdmissionRequest) => Promise<void> | void

/** A write about to happen, whatever it touches: status and deletions too. */
export interface GuardedWrite {
  readonly operation: 'create' | 'update' | 'status' | 'delete'
  readonly kind: KindDef
  /** What will be stored; at deletion the object as it is. */
  readonly object: KubeObject
  /** Null at creation. */
  readonly old: KubeObject | null
  /** Never the server itself: it is not asked. */
  readonly caller: Caller
}

/** Says who may write what, as far as that depends on the object: throws an `ApiError` to refuse. Runs before admission; without effects. */
export type WriteGuard = (write: GuardedWrite) => void

/**
 * Fills in what a client may leave out and only other objects can tell, before the schema looks (a mutating webhook's place).
 * `object`, in the version of the request, is changed. Returns what kept it from that; the schema says what is still missing.
 */
export type Completion = (kind: KindDef, object: JsonObject) => readonly FieldError[]

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore'

export interface WriteOptions {
  /** Version of the object given; the storage version for controllers. */
  readonly version: string
  readonly fieldValidation: FieldValidation
  readonly dryRun: boolean
  /** Name of the writing program, under which the fields that it sets are recorded. */
  readonly manager: string
  /** A controller of this server. */
  readonly own: boolean
  /** Who writes; null for the server itself. */
  readonly caller: Caller | null
  /** Takes texts for the client's `Warning` header. */
  readonly warn: (message: string) => void
}

export interface Core {
  readonly store: Store
  readonly registry: Registry
  readonly clock: Clock
  /** The name under which this server's controllers write. */
  readonly component: string
  readonly guards: readonly WriteGuard[]
  readonly admission: readonly Admission[]
  readonly completions: readonly Completion[]
  readonly resources: Resources
}

/** Attempts of a write that does not name a resourceVersion before the client is told to try again. */
export const MAX_ATTEMPTS = 16

/** Asks the guards, unless the server itself writes. @throws ApiError */
export function guard(core: Core, write: Omit<GuardedWrite, 'caller'> & { readonly caller: Caller | null }): void {
  const { caller } = write
  if (caller !== null) for (const check of core.guards) check({ ...write, caller })
}

/** Asks every admission, one after the other. @throws ApiError of the first that refuses */
export async function admit(core: Core, request: Omit<AdmissionRequest, 'resources'>): Promise<void> {
  const asked = { ...request, resources: core.resources }
  for (const admission of core.admission) {
    const pending = admission(asked)
    // Most have nothing to say of a kind, and say so at once: a turn for each would be most of their cost.
    if (pending !== undefined) await pending
  }
}
