// PUT and PATCH: read, make the next object, check it, write it under the revision that was read; spec and status kept apart.
import type { KindDef } from '../../../schemas/kind.ts'
import { ApiError, type FieldError } from '../../errors.ts'
import type { KubeObject, ObjectMeta } from '../../object.ts'
import { type Entry, StoreError, type Telling } from '../../store/store.ts'
import { type Managers, managersOf, sameOwners } from '../fields/managers.ts'
import { admit, type Core, guard, MAX_ATTEMPTS, type WriteOptions } from './core.ts'
import { deepEqual, isRecord, type JsonObject } from './json.ts'
import { canonicalMeta, type DraftMeta, metadataErrors } from './metadata.ts'
import { type Part, recordUpdate, withManagers } from './record.ts'
import { conflict, modified, notFound, storeRefusal } from './refusals.ts'
import { checkType, refuse, shape, shapeStatus } from './shape.ts'
import { inVersion, keyOf, read } from './versions.ts'

export interface UpdateOptions extends WriteOptions {
  /** Which half is written; the other stays as it is. */
  readonly part: Part
  /** Of the object that this one follows: the next generation, where that is not lower than it would be. */
  readonly generation?: number
}

/** What a write makes of the object as it is. */
export interface Wanted {
  /** Consumed. Its `managedFields`, where it has some, are in the form of clients. */
  readonly input: JsonObject
  /** The record of field owners; that of a plain write when absent. */
  readonly managers?: Managers
}

/**
 * `make` gets the object as it is, in `options.version`; it runs again when another write
 * came between. Returns the object as stored (as it would be, for a dry run; as it last was, when its last finalizer went). @throws ApiError
 */
export async function updateObject(
  core: Core,
  kind: KindDef,
  namespace: string,
  name: string,
  make: (current: KubeObject) => Wanted,
  options: UpdateOptions,
): Promise<KubeObject> {
  for (let attempt = 1; ; attempt++) {
    const entry = await read(core, kind, namespace, name)
    if (entry === null) throw notFound(kind, name)
    const current = entry.value
    const wanted = make(inVersion(kind, current, options.version))
    const next = nextOf(core, kind, wanted, current, options)
    if (next === current) return current
    const operation = options.part === 'main' ? 'update' : 'status'
    guard(core, { operation, kind, object: next, old: current, caller: options.caller })
    if (options.part === 'main')
      await admit(core, {
        operation: 'update',
        kind,
        object: next,
        old: current,
        dryRun: options.dryRun,
        caller: options.caller,
      })
    if (options.dryRun) return next
    try {
      return await write(core, kind, entry, next)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      const again = error.code === 'conflict' || error.code === 'not-found'
      if (!again || attempt >= MAX_ATTEMPTS) throw storeRefusal(kind, name, error)
    }
  }
}

/** The object to store; `current` itself when nothing changes. */
function nextOf(core: Core, kind: KindDef, wanted: Wanted, current: KubeObject, options: UpdateOptions): KubeObject {
  const { input, managers } = wanted
  const sent = isRecord(input.metadata) ? input.metadata.managedFields : undefined
  const made =
    options.part === 'main'
      ? nextMain(core, kind, input, current, options)
      : nextStatus(core, kind, input, current, options)
  const next = deepEqual(made, current) ? current : made
  if (managers !== undefined) {
    const unchanged = next === current && sameOwners(managers, managersOf(current.metadata))
    return unchanged ? current : withManagers(next, managers)
  }
  if (next === current && sent === undefined) return current
  return recordUpdate(core, kind, { current, next, sent }, options)
}

/** Writes under the revision of `entry`; an object that was only waiting for its finalizers goes away. @throws StoreError */
export async function write(
  core: Core,
  kind: KindDef,
  entry: Entry,
  next: KubeObject,
  telling: Telling = {},
): Promise<KubeObject> {
  const key = keyOf(kind, entry.key.namespace, entry.key.name)
  const expect = { revision: entry.revision }
  if (next.metadata.deletionTimestamp !== undefined && (next.metadata.finalizers ?? []).length === 0) {
    await core.store.delete(key, expect)
    return next
  }
  return (await core.store.update(key, next, expect, telling)).value
}

function nextMain(
  core: Core,
  kind: KindDef,
  input: JsonObject,
  current: KubeObject,
  options: UpdateOptions,
): KubeObject {
  checkIdentity(kind, input, current)
  const shaped = shape(core, kind, input, options)
  const { name } = current.metadata
  const metadata = nextMeta(kind, shaped.metadata, current.metadata)
  const next: KubeObject = {
    ...shaped,
    metadata,
    ...(kind.hasStatus && current.status !== undefined ? { status: current.status } : {}),
  }
  const changed = !deepEqual(wanted(kind, next), wanted(kind, current))
  refuse(kind, name, metadataErrors(kind, metadata))
  // A rule may be younger than the object: it is not held against a change of metadata alone.
  if (changed)
    refuse(
      kind,
      name,
      kind.rules.flatMap((rule) => rule(next, current)),
    )
  if (!kind.hasStatus) return next
  const before = current.metadata.generation ?? 0
  const generation = Math.max(changed ? before + 1 : before, options.generation ?? 0)
  return generation === before ? next : { ...next, metadata: canonicalMeta({ ...metadata, generation }) }
}

function nextStatus(
  core: Core,
  kind: KindDef,
  input: JsonObject,
  current: KubeObject,
  options: WriteOptions,
): KubeObject {
  checkType(kind, options.version, input)
  checkIdentity(kind, input, current)
  const status = shapeStatus(core, kind, inVersion(kind, current, options.version), input.status, options)
  const { status: _, ...rest } = current
  return status === undefined ? rest : { ...rest, status }
}

/** Name, namespace, uid and resourceVersion, where given, must be those of the stored object. @throws ApiError */
function checkIdentity(kind: KindDef, input: JsonObject, { metadata: current }: KubeObject): void {
  const given = isRecord(input.metadata) ? input.metadata : {}
  if (given.name !== undefined && given.name !== '' && given.name !== current.name)
    throw new ApiError('BadRequest', `the name of the object does not match the name on the URL (${current.name})`)
  if (given.namespace !== undefined && given.namespace !== '' && given.namespace !== (current.namespace ?? ''))
    throw new ApiError('BadRequest', 'the namespace of the object does not match the namespace on the URL')
  if (given.uid !== undefined && given.uid !== '' && given.uid !== current.uid)
    throw conflict(kind, current.name, 'the uid is that of another object; the one with this name was made anew')
  const { resourceVersion } = given
  if (resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== current.resourceVersion)
    throw modified(kind, current.name)
}

function nextMeta(kind: KindDef, given: DraftMeta, current: ObjectMeta): ObjectMeta {
  if (current.deletionTimestamp !== undefined) {
    const added = (given.finalizers ?? []).filter((finalizer) => !(current.finalizers ?? []).includes(finalizer))
    const error: FieldError = {
      path: 'metadata.finalizers',
      reason: 'FieldValueForbidden',
      message: `the object is being deleted: finalizers can only be removed (new: ${added.join(', ')})`,
    }
    refuse(kind, current.name, added.length > 0 ? [error] : [])
  }
  return canonicalMeta({
    ...current,
    labels: given.labels,
    annotations: given.annotations,
    finalizers: given.finalizers,
    ownerReferences: given.ownerReferences,
  })
}

/** What `generation` counts: everything but metadata and, where it has its own subresource, status. */
function wanted(kind: KindDef, object: KubeObject): JsonObject {
  const { metadata: _, status, ...rest } = object
  return kind.hasStatus ? rest : { ...rest, status }
}
