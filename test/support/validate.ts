// A small stand-in for the API server's admission: defaults, schema, defaults in code, rules. For tests of schemas alone.
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import type { FieldError } from '../../lib/errors.ts'
import type { KubeObject } from '../../lib/object.ts'
import type { KindDef, VersionDef } from '../../schemas/kind.ts'

export interface Admitted {
  /** With defaults, in the storage version. */
  readonly object: KubeObject
  readonly errors: readonly FieldError[]
}

const compiled = new WeakMap<VersionDef, ReturnType<Ajv2020['compile']>>()

function compile(version: VersionDef) {
  const known = compiled.get(version)
  if (known) return known
  const ajv = new Ajv2020({ allErrors: true, useDefaults: true, strict: false, validateFormats: false })
  const validate = ajv.compile(version.schema)
  compiled.set(version, validate)
  return validate
}

const toPath = ({ instancePath, params }: ErrorObject): string =>
  [...instancePath.split('/').slice(1), ...('missingProperty' in params ? [String(params.missingProperty)] : [])]
    .map((part, index) => (/^\d+$/.test(part) ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join('')

/** What a create (or, with `old`, an update) of the object ends in. The input is not changed. */
export function admit(kind: KindDef, input: unknown, old: KubeObject | null = null): Admitted {
  const object = structuredClone(input) as KubeObject
  const name = object.apiVersion.split('/').at(-1) ?? ''
  const version = kind.versions.find((candidate) => candidate.name === name)
  if (!version) throw new Error(`${kind.kind} has no version ${name}`)
  const validate = compile(version)
  const unknown = unknownFields(version.schema, object)
  if (!validate(object) || unknown.length > 0) {
    const schemaErrors = (validate.errors ?? []).map(
      (error): FieldError => ({ path: toPath(error), reason: 'FieldValueInvalid', message: error.message ?? '' }),
    )
    return { object, errors: [...unknown, ...schemaErrors] }
  }
  const stored = kind.convert?.toStorage(object, name) ?? object
  const folded = kind.foldWritten?.(stored) ?? stored
  const complete = kind.applyDefaults?.(folded) ?? folded
  return { object: complete, errors: kind.rules.flatMap((rule) => rule(complete, old)) }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Fields that the schema doesn't list. */
export function unknownFields(schema: unknown, value: unknown, path = ''): readonly FieldError[] {
  if (!isRecord(schema)) return []
  if (Array.isArray(value))
    return value.flatMap((item, index) => unknownFields(schema.items, item, `${path}[${index}]`))
  if (!isRecord(value) || !isRecord(schema.properties)) return []
  const properties = schema.properties
  return Object.entries(value).flatMap(([key, item]) => {
    if (path === '' && ['apiVersion', 'kind', 'metadata'].includes(key)) return []
    const at = path === '' ? key : `${path}.${key}`
    if (key in properties) return unknownFields(properties[key], item, at)
    if (schema['x-kubernetes-preserve-unknown-fields'] === true) return []
    return [{ path: at, reason: 'FieldValueInvalid', message: 'unknown field' }] as const
  })
}
