// Plain JSON values: guards, copies, comparison, and the bounds that hold for everything read from a client.
import { ApiError } from '../../errors.ts'

export type JsonObject = Record<string, unknown>

/** Deepest nesting of a document; the deepest schema has about 15 levels. */
export const MAX_DEPTH = 64

export const isRecord = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A deep copy without undefined properties, as JSON would carry it. */
export function clonePlain<T>(value: T): T
export function clonePlain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => clonePlain(item ?? null))
  if (!isRecord(value)) return value
  const copy: JsonObject = {}
  for (const [key, item] of Object.entries(value)) if (item !== undefined) copy[key] = clonePlain(item)
  return copy
}

/** Equality as JSON has it: order of keys and undefined properties do not matter. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    return a.every((item, index) => deepEqual(item, b[index]))
  }
  if (!isRecord(a) || !isRecord(b)) return false
  for (const key of Object.keys(a))
    if (a[key] !== undefined && !(Object.hasOwn(b, key) && deepEqual(a[key], b[key]))) return false
  for (const key of Object.keys(b)) if (b[key] !== undefined && a[key] === undefined) return false
  return true
}

/** Refuses what later recursion or assignment could stumble over. Iterative, as the depth is not yet known. @throws ApiError BadRequest */
export function checkShape(value: unknown): void {
  const stack: { readonly value: unknown; readonly depth: number }[] = [{ value, depth: 1 }]
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    if (typeof top.value !== 'object' || top.value === null) continue
    if (top.depth > MAX_DEPTH)
      throw new ApiError('BadRequest', `the document is nested deeper than ${MAX_DEPTH} levels`)
    if (Object.hasOwn(top.value, '__proto__')) throw new ApiError('BadRequest', 'a field may not be named __proto__')
    for (const item of Object.values(top.value)) stack.push({ value: item, depth: top.depth + 1 })
  }
}

/** `spec` + `cpu` -> `spec.cpu`; a key that is no identifier goes in brackets: `metadata.labels[app.io/name]`. */
export const joinPath = (path: string, key: string): string => {
  if (!/^[A-Za-z_$][\w$-]*$/.test(key)) return `${path}[${key}]`
  return path === '' ? key : `${path}.${key}`
}
