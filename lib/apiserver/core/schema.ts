// A served version as something that checks objects: unknown fields, defaults, types, limits.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { FieldError } from '../../errors.ts'
import type { ServedKind } from '../registry.ts'
import { isRecord, type JsonObject } from './json.ts'
import { METADATA_SCHEMA } from './metadata-schema.ts'
import { fieldErrors } from './schema-errors.ts'
import { pruneUnknown, type UnknownField } from './unknown.ts'

/** Above this size only the first error is looked for: an array of a million wrong items would else make a million errors. */
const ALL_ERRORS_BELOW_BYTES = 65_536

export interface CompiledSchema {
  /** The whole object's schema, `apiVersion`, `kind` and `metadata` included. */
  readonly schema: JsonObject
  /** Takes unknown fields (and nulls) out of `object` and names them. */
  prune(object: JsonObject): readonly UnknownField[]
  /** Fills defaults into `object`; says what is wrong. */
  validate(object: JsonObject): readonly FieldError[]
  pruneStatus(status: unknown): readonly UnknownField[]
  validateStatus(status: unknown): readonly FieldError[]
}

/** By version, which says all of it: servers of one process (tests) share what is compiled. */
const compiled = new WeakMap<ServedKind['version'], CompiledSchema>()

/** Compiled at first use: a start of the server should not pay for kinds that nobody asks for. */
export function schemaOf(served: ServedKind): CompiledSchema {
  const known = compiled.get(served.version)
  if (known !== undefined) return known
  const made = compile(served)
  compiled.set(served.version, made)
  return made
}

/** The schema of a whole object of this version. */
export function objectSchema(served: ServedKind): JsonObject {
  const own: unknown = served.version.schema
  const schema = isRecord(own) ? own : {}
  const properties = isRecord(schema.properties) ? schema.properties : {}
  return {
    ...schema,
    type: 'object',
    properties: { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: METADATA_SCHEMA, ...properties },
  }
}

function compile(served: ServedKind): CompiledSchema {
  const schema = objectSchema(served)
  const properties = isRecord(schema.properties) ? schema.properties : {}
  const status = isRecord(properties.status) ? properties.status : {}
  const whole = lazyValidators(schema)
  const ofStatus = lazyValidators(status)
  return {
    schema,
    prune: (object) => pruneUnknown(schema, object),
    validate: (object) => run(whole, object, ''),
    pruneStatus: (value) => pruneUnknown(status, value, 'status'),
    validateStatus: (value) => run(ofStatus, value, 'status'),
  }
}

interface Validators {
  all(): ValidateFunction
  first(): ValidateFunction
}

function lazyValidators(schema: JsonObject): Validators {
  const made = new Map<boolean, ValidateFunction>()
  const get = (allErrors: boolean): ValidateFunction => {
    const validate = made.get(allErrors) ?? newAjv(allErrors).compile(schema)
    made.set(allErrors, validate)
    return validate
  }
  return { all: () => get(true), first: () => get(false) }
}

/**
 * Formats are named for readers (`int64`, `date-time`); what they demand is in patterns and rules. That our schemas are
 * schemas is a unit test's business: checking it here would take half of the time and 5 MiB. Optimizing the generated code
 * takes a third of what is left, for a microsecond per object.
 */
const newAjv = (allErrors: boolean): Ajv2020 =>
  new Ajv2020({
    allErrors,
    useDefaults: true,
    strict: false,
    verbose: true,
    validateFormats: false,
    unicodeRegExp: false,
    ownProperties: true,
    logger: false,
    meta: false,
    validateSchema: false,
    code: { optimize: false },
  })

function run(validators: Validators, value: unknown, path: string): readonly FieldError[] {
  const validate = sizeBelow(value, ALL_ERRORS_BELOW_BYTES) ? validators.all() : validators.first()
  return validate(value) ? [] : fieldErrors(validate.errors ?? [], value, path)
}

/** A rough size: counts values, not bytes, and stops early. */
function sizeBelow(value: unknown, limit: number): boolean {
  let seen = 0
  const stack = [value]
  for (let top = stack.pop(); top !== undefined && seen <= limit; top = stack.pop()) {
    seen += 8
    if (typeof top !== 'object' || top === null) continue
    for (const item of Object.values(top)) stack.push(item ?? null)
  }
  return seen <= limit
}
