// `fieldsV1`: field sets as Kubernetes writes them (meta/v1 FieldsV1). A path with paths below it that is itself in the set has a `.`.
import { isRecord, type JsonObject } from '../core/json.ts'
import { EMPTY, type FieldSet, LEAF, nodeOf } from './set.ts'

/** The set as `fieldsV1`, with its elements in order: equal sets give equal texts. */
export function encodeFields(set: FieldSet): JsonObject {
  const encoded: JsonObject = {}
  if (set.self && set.children.size > 0) encoded['.'] = {}
  for (const [element, child] of [...set.children].sort(([a], [b]) => (a < b ? -1 : 1)))
    encoded[element] = encodeFields(child)
  return encoded
}

/** The reverse. Null when the value is no `fieldsV1`. */
export function decodeFields(value: unknown): FieldSet | null {
  if (!isRecord(value)) return null
  if (Object.keys(value).length === 0) return EMPTY
  return decodeNode(value, true)
}

function decodeNode(value: JsonObject, root: boolean): FieldSet | null {
  const entries = Object.entries(value)
  if (entries.length === 0) return LEAF
  let self = false
  const children: [string, FieldSet][] = []
  for (const [key, item] of entries) {
    if (!isRecord(item)) return null
    if (key === '.') {
      self = !root
      continue
    }
    const element = canonicalElement(key)
    const child = decodeNode(item, false)
    if (element === null || child === null) return null
    children.push([element, child])
  }
  return nodeOf(self, children)
}

function canonicalElement(text: string): string | null {
  const rest = text.slice(2)
  if (text.startsWith('f:')) return text
  if (text.startsWith('i:')) return /^\d{1,9}$/.test(rest) ? text : null
  try {
    const value: unknown = JSON.parse(rest)
    if (text.startsWith('v:')) return valueElement(value)
    return text.startsWith('k:') && isRecord(value) && Object.keys(value).length > 0 ? keyElement(value) : null
  } catch {
    return null
  }
}

/** The element of an item of a set. */
export const valueElement = (value: unknown): string => `v:${JSON.stringify(value)}`

/** The element of an item of a list by its keys, which come in order. */
export const keyElement = (keys: JsonObject): string =>
  `k:${JSON.stringify(Object.fromEntries(Object.entries(keys).sort(([a], [b]) => (a < b ? -1 : 1))))}`
