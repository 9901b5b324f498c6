// How a schema cuts a value into fields that can have owners: objects by field, lists that say so by key or value, all else whole.
import { isRecord, type JsonObject } from '../core/json.ts'
import { keyElement, valueElement } from './codec.ts'

export interface Part {
  readonly element: string
  readonly schema: JsonObject
  readonly value: unknown
}

/** `whole` values have one owner or several, but no owners of parts. */
export type View =
  | { readonly kind: 'whole' }
  | { readonly kind: 'fields' | 'set'; readonly parts: readonly Part[] }
  | { readonly kind: 'items'; readonly parts: readonly Part[]; readonly keys: readonly string[] }

const WHOLE: View = { kind: 'whole' }
const ANY: JsonObject = {}

/** A list whose items break its own rule (no key, two of one key) is taken as a whole: what is stored must never be refused here. */
export function viewOf(schema: JsonObject, value: unknown): View {
  if (Array.isArray(value)) {
    const type = schema['x-kubernetes-list-type']
    if (type === 'set') return setView(value)
    return type === 'map' ? itemsView(schema, value) : WHOLE
  }
  if (!isRecord(value) || isAtomic(schema)) return WHOLE
  const parts = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => ({ element: `f:${key}`, schema: fieldSchema(schema, key), value: item }))
  return { kind: 'fields', parts }
}

/** An object that has one owner as a whole. */
export const isAtomic = (schema: JsonObject): boolean => schema['x-kubernetes-map-type'] === 'atomic'

export function fieldSchema(schema: JsonObject, key: string): JsonObject {
  const { properties, additionalProperties } = schema
  const own = isRecord(properties) && Object.hasOwn(properties, key) ? properties[key] : additionalProperties
  return isRecord(own) ? own : ANY
}

function setView(list: readonly unknown[]): View {
  const parts = list.map((value) => ({ element: valueElement(value), schema: ANY, value }))
  return unique(parts) ? { kind: 'set', parts } : WHOLE
}

function itemsView(schema: JsonObject, list: readonly unknown[]): View {
  const given = schema['x-kubernetes-list-map-keys']
  const keys = Array.isArray(given) ? given.map(String) : []
  const items = isRecord(schema.items) ? schema.items : ANY
  const parts: Part[] = []
  for (const value of list) {
    const element = isRecord(value) ? elementOf(items, value, keys) : null
    if (element === null) return WHOLE
    parts.push({ element, schema: items, value })
  }
  return unique(parts) ? { kind: 'items', parts, keys } : WHOLE
}

function elementOf(schema: JsonObject, item: JsonObject, keys: readonly string[]): string | null {
  const values: JsonObject = {}
  for (const key of keys) {
    const value = item[key] ?? fieldSchema(schema, key).default
    if (value === undefined || value === null || typeof value === 'object') return null
    values[key] = value
  }
  return keys.length === 0 ? null : keyElement(values)
}

const unique = (parts: readonly Part[]): boolean => new Set(parts.map(({ element }) => element)).size === parts.length

/** The value that a view with other parts stands for. */
export function rebuild(kind: 'fields' | 'set' | 'items', parts: readonly Part[]): unknown {
  if (kind !== 'fields') return parts.map(({ value }) => value)
  return Object.fromEntries(parts.map(({ element, value }) => [element.slice(2), value]))
}
