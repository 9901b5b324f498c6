// Server-side apply: the object is what its managers apply, each the owner of its fields; created when it is not there.
import type { KindDef } from '../../../schemas/kind.ts'
import { ApiError, isApiError } from '../../errors.ts'
import type { KubeObject } from '../../object.ts'
import { conflictError } from '../fields/conflict.ts'
import { afterApply, firstRecord, managersOf, ownership } from '../fields/managers.ts'
import { mergeApplied, removeUnwanted } from '../fields/merge.ts'
import { type Core, MAX_ATTEMPTS, type WriteOptions } from './core.ts'
import { createObject } from './create.ts'
import { clonePlain, deepEqual, isRecord, type JsonObject } from './json.ts'
import { conflictsOfOthers, KUBECTL, withLastApplied } from './last-applied.ts'
import { halfOf, type Part, writerOf } from './record.ts'
import { conflict } from './refusals.ts'
import { schemaOf } from './schema.ts'
import { checkType, refuse, unknownErrors } from './shape.ts'
import { updateObject, type Wanted } from './update.ts'
import { servedKind } from './versions.ts'

export interface ApplyOptions extends WriteOptions {
  readonly part: Part
  /** Take the fields of others instead of refusing. */
  readonly force: boolean
  /** Asked before an object is made that was not there. @throws ApiError Forbidden */
  readonly requireCreate: () => void
}

export interface AppliedObject {
  readonly object: KubeObject
  readonly created: boolean
}

/** `config` is what the manager wants, and all that it wants; it is consumed. @throws ApiError, a Conflict when others own what it changes */
export async function applyObject(
  core: Core,
  kind: KindDef,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  config: JsonObject,
  options: ApplyOptions,
): Promise<AppliedObject> {
  const applied = prepare(core, kind, name, config, options)
  const make = (current: KubeObject): Wanted => applyTo(core, kind, current, applied, options)
  for (let attempt = 1; ; attempt++) {
    try {
      return { object: await updateObject(core, kind, namespace, name, make, options), created: false }
    } catch (error) {
      if (!isApiError(error, 'NotFound') || error.details.name !== name || options.part === 'status') throw error
    }
    options.requireCreate()
    try {
      return { object: await create(core, kind, namespace, applied, options), created: true }
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists') || attempt >= MAX_ATTEMPTS) throw error
    }
  }
}

/** The part of the configuration that this request can apply, checked against the schema's names. */
function prepare(core: Core, kind: KindDef, name: string, config: JsonObject, options: ApplyOptions): JsonObject {
  if (config.apiVersion === undefined || config.kind === undefined)
    throw new ApiError('BadRequest', 'an applied object must have apiVersion and kind')
  checkType(kind, options.version, config)
  const metadata = isRecord(config.metadata) ? config.metadata : {}
  if (metadata.managedFields !== undefined && metadata.managedFields !== null)
    throw new ApiError('BadRequest', 'metadata.managedFields must be nil')
  if (metadata.name !== undefined && metadata.name !== '' && metadata.name !== name)
    throw new ApiError('BadRequest', `the name of the object does not match the name on the URL (${name})`)
  const { status, ...main } = config
  const identity = Object.fromEntries(
    ['name', 'namespace', 'uid', 'resourceVersion'].flatMap((key) => (key in metadata ? [[key, metadata[key]]] : [])),
  )
  const half: JsonObject =
    options.part === 'status'
      ? {
          apiVersion: config.apiVersion,
          kind: config.kind,
          metadata: identity,
          ...(status === undefined ? {} : { status }),
        }
      : { ...(kind.hasStatus ? main : config), metadata: { ...metadata, name } }
  const unknown = schemaOf(servedKind(core, kind, options.version)).prune(half)
  refuse(kind, name, unknownErrors(unknown, options))
  return (kind.foldWritten?.(half as unknown as KubeObject) ?? half) as JsonObject
}

function applyTo(core: Core, kind: KindDef, current: KubeObject, applied: JsonObject, options: ApplyOptions): Wanted {
  const { schema } = schemaOf(servedKind(core, kind, options.version))
  const writer = writerOf(core, kind, options, options.part)
  const { managedFields: _, ...metadata } = current.metadata
  const live: JsonObject = { ...current, metadata }
  const managers = firstRecord(managersOf(current.metadata), writer, schema, live)
  const { last, wanted, keep } = ownership(managers, writer, schema, applied)
  const merged = mergeApplied(schema, live, applied) as JsonObject
  const after = withoutEmptyMeta(removeUnwanted(schema, merged, last, keep) as JsonObject)
  const result = afterApply(managers, writer, wanted, {
    schema,
    before: halfOf(kind, live, options.part),
    after: halfOf(kind, after, options.part),
  })
  const byKubectl = options.manager === KUBECTL && options.part === 'main'
  const conflicts = byKubectl ? conflictsOfOthers(result.conflicts, schema, live) : result.conflicts
  if (conflicts.length > 0 && !options.force) throw conflictError(conflicts)
  const changed = !deepEqual(after, live)
  const input = byKubectl && changed ? withLastApplied(live, after, applied) : after
  return { input: clonePlain(input), managers: result.managers }
}

/** Empty parts of metadata are not kept: to apply them again changes nothing. */
function withoutEmptyMeta(object: JsonObject): JsonObject {
  if (!isRecord(object.metadata)) return object
  const kept = Object.entries(object.metadata).filter(
    ([, value]) => typeof value !== 'object' || value === null || Object.keys(value).length > 0,
  )
  return { ...object, metadata: Object.fromEntries(kept) }
}

function create(
  core: Core,
  kind: KindDef,
  namespace: string,
  applied: JsonObject,
  options: ApplyOptions,
): Promise<KubeObject> {
  const { schema } = schemaOf(servedKind(core, kind, options.version))
  const { uid, resourceVersion, name } = isRecord(applied.metadata) ? applied.metadata : {}
  const stale = (value: unknown): boolean => value !== undefined && value !== ''
  if (stale(uid) || stale(resourceVersion))
    throw conflict(kind, String(name), 'uid or resourceVersion is given, and there is no such object')
  const writer = writerOf(core, kind, options, 'main')
  const { wanted } = ownership([], writer, schema, applied)
  const { managers } = afterApply([], writer, wanted, { schema, before: {}, after: halfOf(kind, applied, 'main') })
  return createObject(core, kind, namespace, clonePlain(applied), { ...options, managers })
}
