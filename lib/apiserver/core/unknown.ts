// Fields that a schema does not know: found with the nearest known name, and taken out. Null counts as absent, as for Kubernetes' decoders.
import { isRecord, type JsonObject, joinPath } from './json.ts'
import { nearest } from './nearest.ts'

export interface UnknownField {
  readonly path: string
  /** A known field of the same object that was probably meant. */
  readonly meant: string | null
}

const flattened = new WeakMap<JsonObject, readonly JsonObject[]>()

/** Removes unknown fields and nulls from `value` in place; returns the unknown ones. */
export function pruneUnknown(schema: JsonObject, value: unknown, path = ''): UnknownField[] {
  const unknown: UnknownField[] = []
  walk(flatten(schema), value, path, unknown)
  return unknown
}

/** A schema with all its alternatives: a field known to one of them is known. */
function flatten(schema: JsonObject): readonly JsonObject[] {
  const known = flattened.get(schema)
  if (known !== undefined) return known
  const flat: JsonObject[] = [schema]
  for (const keyword of ['allOf', 'anyOf', 'oneOf']) {
    const branches = schema[keyword]
    if (Array.isArray(branches)) flat.push(...branches.filter(isRecord).flatMap(flatten))
  }
  for (const keyword of ['then', 'else']) {
    const branch = schema[keyword]
    if (isRecord(branch)) flat.push(...flatten(branch))
  }
  flattened.set(schema, flat)
  return flat
}

function walk(schemas: readonly JsonObject[], value: unknown, path: string, unknown: UnknownField[]): void {
  if (Array.isArray(value)) {
    const items = schemas.flatMap((schema) => (isRecord(schema.items) ? flatten(schema.items) : []))
    if (items.length > 0) for (const [index, item] of value.entries()) walk(items, item, `${path}[${index}]`, unknown)
    return
  }
  if (!isRecord(value) || !schemas.some(declaresFields)) return
  for (const [key, item] of Object.entries(value)) {
    const found = schemas.flatMap((schema) => schemasOf(schema, key))
    if (found.length === 0) {
      if (schemas.some(isOpen)) continue
      unknown.push({ path: joinPath(path, key), meant: nearest(key, knownKeys(schemas)) })
      delete value[key]
    } else if (item === null && !found.some(acceptsNull)) delete value[key]
    else walk(found.flatMap(flatten), item, joinPath(path, key), unknown)
  }
}

const declaresFields = (schema: JsonObject): boolean =>
  isRecord(schema.properties) || isRecord(schema.patternProperties) || schema.additionalProperties !== undefined

const isOpen = (schema: JsonObject): boolean =>
  schema.additionalProperties === true || schema['x-kubernetes-preserve-unknown-fields'] === true

function schemasOf(schema: JsonObject, key: string): JsonObject[] {
  const { properties, patternProperties, additionalProperties } = schema
  if (isRecord(properties) && Object.hasOwn(properties, key)) {
    const property = properties[key]
    return isRecord(property) ? [property] : []
  }
  if (isRecord(patternProperties))
    for (const [pattern, property] of Object.entries(patternProperties))
      if (isRecord(property) && new RegExp(pattern).test(key)) return [property]
  return isRecord(additionalProperties) ? [additionalProperties] : []
}

const knownKeys = (schemas: readonly JsonObject[]): string[] =>
  schemas.flatMap((schema) => (isRecord(schema.properties) ? Object.keys(schema.properties) : []))

function acceptsNull(schema: JsonObject): boolean {
  if (schema.nullable === true || schema.const === null || schema.type === 'null') return true
  if (Array.isArray(schema.type)) return schema.type.includes('null')
  return ['anyOf', 'oneOf'].some((keyword) => {
    const branches = schema[keyword]
    return Array.isArray(branches) && branches.some((branch) => isRecord(branch) && acceptsNull(branch))
  })
}
