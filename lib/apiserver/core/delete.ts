// DELETE: at once when nothing holds the object, else a deletionTimestamp and the finalizers that must act first.
import type { KindDef } from '../../../schemas/kind.ts'
import { timestamp } from '../../clock.ts'
import type { KubeObject } from '../../object.ts'
import { type Entry, StoreError } from '../../store/store.ts'
import type { Caller } from '../auth/caller.ts'
import type { DeleteOptions } from '../resources.ts'
import { admit, type Core, guard, MAX_ATTEMPTS } from './core.ts'
import { isRecord } from './json.ts'
import { canonicalMeta } from './metadata.ts'
import { conflict, notFound, storeRefusal } from './refusals.ts'
import { keyOf, read } from './versions.ts'

/** Holds a namespace until everything in it is gone; the namespace controller removes it. */
export const NAMESPACE_FINALIZER = 'kubernetes'
/** Holds an owner until its dependents are gone; the garbage collector removes it. */
export const FOREGROUND_FINALIZER = 'foregroundDeletion'
/** Holds an owner until its dependents no longer name it; the garbage collector removes it. */
export const ORPHAN_FINALIZER = 'orphan'

export interface Deleted {
  readonly object: KubeObject
  /** False while finalizers hold the object. */
  readonly gone: boolean
}

/** `caller`: who deletes, null for the server itself. @throws ApiError NotFound, Conflict (preconditions) */
export async function deleteObject(
  core: Core,
  kind: KindDef,
  namespace: string,
  name: string,
  options: DeleteOptions,
  caller: Caller | null = null,
): Promise<Deleted> {
  for (let attempt = 1; ; attempt++) {
    const entry = await read(core, kind, namespace, name)
    if (entry === null) throw notFound(kind, name)
    checkPreconditions(kind, entry.value, options)
    const object = entry.value
    const dryRun = options.dryRun ?? false
    guard(core, { operation: 'delete', kind, object, old: object, caller })
    await admit(core, { operation: 'delete', kind, object, old: object, dryRun, caller: null })
    try {
      return await remove(core, kind, entry, options, dryRun)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      const again = error.code === 'conflict' || error.code === 'not-found'
      if (!again || attempt >= MAX_ATTEMPTS) throw storeRefusal(kind, name, error)
    }
  }
}

function checkPreconditions(kind: KindDef, object: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion, name } = object.metadata
  if (options.uid !== undefined && options.uid !== uid)
    throw conflict(kind, name, `the uid in the precondition (${options.uid}) is not that of the object (${uid})`)
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion)
    throw conflict(
      kind,
      name,
      `the resourceVersion in the precondition (${options.resourceVersion}) is not that of the object (${resourceVersion})`,
    )
}

async function remove(
  core: Core,
  kind: KindDef,
  entry: Entry,
  options: DeleteOptions,
  dryRun: boolean,
): Promise<Deleted> {
  const object = entry.value
  const key = keyOf(kind, entry.key.namespace, entry.key.name)
  const finalizers = heldBy(kind, object, options)
  if (finalizers.length === 0) {
    if (!dryRun) await core.store.delete(key, { revision: entry.revision })
    return { object, gone: true }
  }
  if (object.metadata.deletionTimestamp !== undefined) return { object, gone: false }
  const next = terminating(core, kind, object, finalizers)
  if (dryRun) return { object: next, gone: false }
  return { object: (await core.store.update(key, next, { revision: entry.revision })).value, gone: false }
}

function heldBy(kind: KindDef, object: KubeObject, { propagation }: DeleteOptions): readonly string[] {
  const own = object.metadata.finalizers ?? []
  if (object.metadata.deletionTimestamp !== undefined) return own
  // What was asked for last holds: an earlier wish for the other propagation is dropped.
  const kept =
    propagation === undefined ? own : own.filter((name) => name !== FOREGROUND_FINALIZER && name !== ORPHAN_FINALIZER)
  const added = [
    ...(propagation === 'Foreground' ? [FOREGROUND_FINALIZER] : []),
    ...(propagation === 'Orphan' ? [ORPHAN_FINALIZER] : []),
    ...(kind.resource === 'namespaces' ? [NAMESPACE_FINALIZER] : []),
  ]
  return [...new Set([...kept, ...added])]
}

function terminating(core: Core, kind: KindDef, object: KubeObject, finalizers: readonly string[]): KubeObject {
  const metadata = canonicalMeta({
    ...object.metadata,
    deletionTimestamp: timestamp(core.clock.now()),
    generation: kind.hasStatus ? (object.metadata.generation ?? 0) + 1 : object.metadata.generation,
    finalizers,
  })
  if (kind.resource !== 'namespaces') return { ...object, metadata }
  return { ...object, metadata, status: { ...(isRecord(object.status) ? object.status : {}), phase: 'Terminating' } }
}
