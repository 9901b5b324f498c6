// From what a client sent to a valid object in the storage version: names and versions, unknown fields, schema, defaults, conversion.
import type { KindDef } from '../../../schemas/kind.ts'
import { ApiError, type FieldError } from '../../errors.ts'
import type { KubeObject } from '../../object.ts'
import { apiVersionOf } from '../registry.ts'
import type { Core, WriteOptions } from './core.ts'
import { isRecord, type JsonObject } from './json.ts'
import { invalid } from './refusals.ts'
import { schemaOf } from './schema.ts'
import type { UnknownField } from './unknown.ts'
import { servedKind, storageKind } from './versions.ts'

/** Unknown fields shown at most. */
const MAX_UNKNOWN = 30

/** Name for messages, before anything is checked. */
export function nameIn(input: JsonObject): string {
  const meta = isRecord(input.metadata) ? input.metadata : {}
  if (typeof meta.name === 'string' && meta.name !== '') return meta.name.slice(0, 253)
  return typeof meta.generateName === 'string' ? meta.generateName.slice(0, 253) : ''
}

/** `apiVersion` and `kind` may be left out; when given they must be those of the path. @throws ApiError BadRequest */
export function checkType(kind: KindDef, version: string, input: JsonObject): void {
  const apiVersion = apiVersionOf(kind.group, version)
  if (input.apiVersion !== undefined && input.apiVersion !== apiVersion)
    throw new ApiError('BadRequest', `apiVersion of the object must be ${apiVersion}`)
  if (input.kind !== undefined && input.kind !== kind.kind)
    throw new ApiError('BadRequest', `kind of the object must be ${kind.kind}`)
}

/**
 * Checks `input` (which is changed) and returns it in the storage version, completed and with defaults. Where status has its own subresource it is
 * taken out. @throws ApiError BadRequest, Invalid
 */
export function shape(core: Core, kind: KindDef, input: JsonObject, options: WriteOptions): KubeObject {
  checkType(kind, options.version, input)
  const name = nameIn(input)
  if (kind.hasStatus) delete input.status
  const schema = schemaOf(servedKind(core, kind, options.version))
  const unknown = unknownErrors(schema.prune(input), options)
  const { apiVersion: _, kind: __, metadata = {}, ...rest } = input
  const object: JsonObject = {
    apiVersion: apiVersionOf(kind.group, options.version),
    kind: kind.kind,
    metadata,
    ...rest,
  }
  const open = core.completions.flatMap((complete) => complete(kind, object))
  const wrong = schema.validate(object).filter(({ path }) => !open.some((one) => one.path === path))
  refuse(kind, name, [...unknown, ...open, ...wrong])
  const given = object as unknown as KubeObject
  const stored = options.version === kind.storageVersion ? given : convert(core, kind, name, given, options.version)
  const folded = kind.foldWritten?.(stored) ?? stored
  return kind.applyDefaults?.(folded) ?? folded
}

function convert(core: Core, kind: KindDef, name: string, given: KubeObject, version: string): KubeObject {
  const stored = kind.convert?.toStorage(given, version) ?? given
  const plain: JsonObject = { ...stored }
  refuse(kind, name, schemaOf(storageKind(core, kind)).validate(plain))
  return plain as unknown as KubeObject
}

/** Checks a new status given in `options.version`; `object` is the whole object in that version. Returns the status as stored. */
export function shapeStatus(
  core: Core,
  kind: KindDef,
  object: KubeObject,
  status: unknown,
  options: WriteOptions,
): unknown {
  const schema = schemaOf(servedKind(core, kind, options.version))
  if (status === undefined || status === null) return undefined
  const unknown = unknownErrors(schema.pruneStatus(status), options)
  refuse(kind, object.metadata.name, [...unknown, ...schema.validateStatus(status)])
  if (options.version === kind.storageVersion || kind.convert === undefined) return status
  return kind.convert.toStorage({ ...object, status }, options.version).status
}

export function refuse(kind: KindDef, name: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid(kind, name, errors)
}

/** What unknown fields come to: errors, warnings or nothing. */
export function unknownErrors(
  unknown: readonly UnknownField[],
  options: Pick<WriteOptions, 'fieldValidation' | 'warn'>,
): readonly FieldError[] {
  if (options.fieldValidation === 'Ignore') return []
  const causes = unknown.slice(0, MAX_UNKNOWN).map(
    ({ path, meant }): FieldError => ({
      path,
      reason: 'FieldValueInvalid',
      message: meant === null ? 'unknown field' : `unknown field; did you mean "${meant}"?`,
    }),
  )
  if (options.fieldValidation === 'Strict') return causes
  for (const cause of causes) options.warn(`${cause.path}: ${cause.message}`)
  return []
}
