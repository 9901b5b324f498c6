// From a JSON-schema validator's errors to sentences about fields.
import type { ErrorObject } from 'ajv/dist/2020.js'
import type { FieldError } from '../../errors.ts'
import { isRecord, type JsonObject, joinPath } from './json.ts'

/** Causes shown at most; an operator mends these first. */
const MAX_CAUSES = 30

/** Readable errors, the branches of an alternative folded into one. `prefix` is the path of `value` in its object. */
export function fieldErrors(errors: readonly ErrorObject[], value: unknown, prefix: string): readonly FieldError[] {
  const alternatives = errors.filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf')
  const shown = errors.filter(
    (error) =>
      error.keyword !== 'if' &&
      !alternatives.some((alternative) => alternative !== error && isInside(error, alternative)),
  )
  const found = new Map<string, FieldError>()
  for (const error of shown) {
    const path = fieldPath(error, value, prefix)
    const described = { path, ...describe(error, errors) }
    if (!found.has(`${path}\n${described.message}`)) found.set(`${path}\n${described.message}`, described)
    if (found.size >= MAX_CAUSES) break
  }
  return [...found.values()]
}

const isInside = (error: ErrorObject, alternative: ErrorObject): boolean =>
  error.schemaPath.startsWith(`${alternative.schemaPath}/`) && error.instancePath.startsWith(alternative.instancePath)

/** `/spec/refs/1/name` -> `spec.refs[1].name`: a number is an index only where the value is an array. */
function fieldPath(error: ErrorObject, value: unknown, prefix: string): string {
  let path = prefix
  let at: unknown = value
  for (const raw of error.instancePath.split('/').slice(1)) {
    const key = raw.replaceAll('~1', '/').replaceAll('~0', '~')
    path = Array.isArray(at) ? `${path}[${key}]` : joinPath(path, key)
    at = Array.isArray(at) ? at[Number(key)] : isRecord(at) ? at[key] : undefined
  }
  const extra = error.params.missingProperty ?? error.params.additionalProperty ?? error.params.propertyName
  return typeof extra === 'string' ? joinPath(path, extra) : path
}

type Described = Omit<FieldError, 'path'>
const invalid = (message: string): Described => ({ reason: 'FieldValueInvalid', message })

function describe(error: ErrorObject, all: readonly ErrorObject[]): Described {
  const params = error.params as JsonObject
  const limit = String(params.limit)
  switch (error.keyword) {
    case 'required':
      return { reason: 'FieldValueRequired', message: 'is required' }
    case 'type':
      return invalid(`must be ${typeNames(params.type)}`)
    case 'minimum':
      return invalid(`must be at least ${limit}`)
    case 'maximum':
      return invalid(`must be at most ${limit}`)
    case 'exclusiveMinimum':
      return invalid(`must be greater than ${limit}`)
    case 'exclusiveMaximum':
      return invalid(`must be less than ${limit}`)
    case 'multipleOf':
      return invalid(`must be a multiple of ${String(params.multipleOf)}`)
    case 'minLength':
      return params.limit === 1
        ? { reason: 'FieldValueRequired', message: 'must not be empty' }
        : invalid(`must have at least ${limit} characters`)
    case 'maxLength':
      return { reason: 'FieldValueTooLong', message: `must have at most ${limit} characters` }
    case 'minItems':
      return invalid(`must have at least ${limit} ${limit === '1' ? 'item' : 'items'}`)
    case 'maxItems':
      return { reason: 'FieldValueTooLong', message: `must have at most ${limit} items` }
    case 'uniqueItems':
      return { reason: 'FieldValueDuplicate', message: 'must not have equal items' }
    case 'minProperties':
      return invalid(`must have at least ${limit} ${limit === '1' ? 'entry' : 'entries'}`)
    case 'pattern':
      return invalid(`must match ${String(params.pattern)}`)
    case 'enum':
    case 'const':
      return oneOf(error.keyword === 'const' ? [params.allowedValue] : params.allowedValues)
    case 'additionalProperties':
      return invalid('unknown field')
    case 'anyOf':
    case 'oneOf':
      return alternative(error, all)
    default:
      return invalid(error.message ?? 'is not valid')
  }
}

const oneOf = (values: unknown): Described => ({
  reason: 'FieldValueNotSupported',
  message: `must be ${Array.isArray(values) && values.length > 1 ? 'one of ' : ''}${(Array.isArray(values)
    ? values
    : []
  )
    .map((value) => JSON.stringify(value))
    .join(', ')}`,
})

/** One sentence for a value that fits no branch. */
function alternative(error: ErrorObject, all: readonly ErrorObject[]): Described {
  if (Array.isArray(error.params.passingSchemas)) return invalid('fits several forms that exclude each other')
  const inside = all.filter((other) => other !== error && isInside(other, error))
  const same = inside.filter((other) => other.instancePath === error.instancePath)
  if (same.length > 0 && same.length === inside.length) {
    if (same.every((other) => other.keyword === 'const' || other.keyword === 'enum'))
      return oneOf(same.flatMap((other) => other.params.allowedValues ?? [other.params.allowedValue]))
    if (same.every((other) => other.keyword === 'type'))
      return invalid(`must be ${same.map((other) => typeNames(other.params.type)).join(' or ')}`)
    if (same.every((other) => other.keyword === 'required'))
      return {
        reason: 'FieldValueRequired',
        message: `must have one of ${[...new Set(same.map((other) => String(other.params.missingProperty)))].join(', ')}`,
      }
  }
  const first = inside.find((other) => other.keyword !== 'type') ?? inside[0]
  if (first === undefined) return invalid('fits none of the allowed forms')
  const where = first.instancePath.slice(error.instancePath.length).replaceAll('/', '.').replace(/^\./, '')
  return invalid(`fits none of the allowed forms: ${where === '' ? '' : `${where} `}${describe(first, []).message}`)
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a string',
  integer: 'an integer',
  number: 'a number',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
  null: 'null',
}

const typeNames = (type: unknown): string =>
  (Array.isArray(type) ? type : [type]).map((name) => TYPE_NAMES[String(name)] ?? String(name)).join(' or ')
