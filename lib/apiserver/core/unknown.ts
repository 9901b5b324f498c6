// Fields that a schema does not know: found with the nearest known name, and taken out. Null counts as absent, as for Kubernetes' decoders.
import { isRecord, type JsonObject, joinPath } from './json.ts'
import { nearest } from './nearest.ts'

export interface UnknownField {
  readonly path: string
  /** A known field of the same object that was probably meant. */
  readonly meant: string | null
}

const flattened = new WeakMap<JsonObject, readonly JsonObject[]>()

/** What may stand at one place of an object: all its schemas, and the places below, found once. */
interface Place {
  readonly schemas: readonly JsonObject[]
  readonly declares: boolean
  /** Of declared properties only: there are as many as the schema has. */
  readonly fields: Map<string, Field>
  /** Undefined until it is asked for, null when items are not described. */
  items: Place | null | undefined
}

interface Field {
  readonly place: Place
  readonly acceptsNull: boolean
}

const places = new WeakMap<JsonObject, Place>()

const placeOf = (schemas: readonly JsonObject[]): Place => ({
  schemas,
  declares: schemas.some(declaresFields),
  fields: new Map(),
  items: undefined,
})

/** Removes unknown fields and nulls from `value` in place; returns the unknown ones. */
export function pruneUnknown(schema: JsonObject, value: unknown, path = ''): UnknownField[] {
  const unknown: UnknownField[] = []
  const place = places.get(schema) ?? placeOf(flatten(schema))
  places.set(schema, place)
  walk(place, value, path, unknown)
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

function walk(place: Place, value: unknown, path: string, unknown: UnknownField[]): void {
  if (Array.isArray(value)) {
    const items = itemsOf(place)
    if (items !== null) for (const [index, item] of value.entries()) walk(items, item, `${path}[${index}]`, unknown)
    return
  }
  if (!place.declares || !isRecord(value)) return
  for (const [key, item] of Object.entries(value)) {
    const field = fieldOf(place, key)
    if (field === null) {
      if (place.schemas.some(isOpen)) continue
      unknown.push({ path: joinPath(path, key), meant: nearest(key, knownKeys(place.schemas)) })
      delete value[key]
    } else if (item === null && !field.acceptsNull) delete value[key]
    else if (typeof item === 'object' && item !== null) walk(field.place, item, joinPath(path, key), unknown)
  }
}

function itemsOf(place: Place): Place | null {
  if (place.items !== undefined) return place.items
  const items = place.schemas.flatMap((schema) => (isRecord(schema.items) ? flatten(schema.items) : []))
  place.items = items.length === 0 ? null : placeOf(items)
  return place.items
}

/** Null for a field that no schema knows. */
function fieldOf({ schemas, fields }: Place, key: string): Field | null {
  const known = fields.get(key)
  if (known !== undefined) return known
  const found = schemas.flatMap((schema) => schemasOf(schema, key))
  if (found.length === 0) return null
  const field = { place: placeOf(found.flatMap(flatten)), acceptsNull: found.some(acceptsNull) }
  // Names that clients make up (labels, data) are not kept.
  if (schemas.some(({ properties }) => isRecord(properties) && Object.hasOwn(properties, key))) fields.set(key, field)
  return field
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
