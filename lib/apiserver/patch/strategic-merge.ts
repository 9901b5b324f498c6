// Strategic merge patch, for the core kinds that kubectl patches so: maps merge, lists replace, a few lists merge by key.
import { ApiError } from '../../errors.ts'
import { deepEqual, isRecord, type JsonObject } from '../core/json.ts'

/** Lists that merge, with the field that tells their items apart (null: the items are plain values), as in Kubernetes' API types. */
const MERGED_LISTS: Readonly<Record<string, string | null>> = {
  finalizers: null,
  ownerReferences: 'uid',
  conditions: 'type',
  addresses: 'type',
}

const DELETE_PRIMITIVES = '$deleteFromPrimitiveList/'
const ORDER = '$setElementOrder/'

/** @returns a new document. @throws ApiError BadRequest when a directive is not understood. */
export function applyStrategicMerge(document: JsonObject, patch: JsonObject): JsonObject {
  const directive = patch.$patch
  if (directive === 'delete') return {}
  if (directive === 'replace') return strip(patch)
  if (directive !== undefined && directive !== 'merge') throw unknownDirective(directive)
  const merged: JsonObject = { ...document }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$')) continue
    const present = Object.hasOwn(merged, key) ? merged[key] : undefined
    if (value === null) delete merged[key]
    else if (isRecord(value) && value.$patch === 'delete') delete merged[key]
    else if (isRecord(value)) merged[key] = applyStrategicMerge(isRecord(present) ? present : {}, value)
    else if (Array.isArray(value)) merged[key] = mergeList(key, Array.isArray(present) ? present : [], value)
    else merged[key] = value
  }
  return directives(merged, patch)
}

const unknownDirective = (directive: unknown): ApiError =>
  new ApiError('BadRequest', `$patch must be merge, replace or delete, not ${JSON.stringify(directive)}`)

const strip = (patch: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(patch).filter(([key, value]) => !key.startsWith('$') && value !== null))

function mergeList(field: string, present: readonly unknown[], patch: readonly unknown[]): readonly unknown[] {
  const key = Object.hasOwn(MERGED_LISTS, field) ? MERGED_LISTS[field] : undefined
  if (key === undefined) return patch.filter((item) => !isRecord(item) || item.$patch === undefined)
  if (key === null) return [...present, ...patch.filter((item) => !present.includes(item))]
  const replaces = patch.some((item) => isRecord(item) && item.$patch === 'replace')
  let items = replaces ? [] : [...present]
  for (const item of patch) {
    if (!isRecord(item)) throw new ApiError('BadRequest', `items of ${field} must be objects`)
    if (item.$patch === 'replace') continue
    if (item[key] === undefined) throw new ApiError('BadRequest', `an item of ${field} in the patch has no ${key}`)
    const at = items.findIndex((other) => isRecord(other) && deepEqual(other[key], item[key]))
    const old = items[at]
    if (item.$patch === 'delete') items = items.filter((_, index) => index !== at)
    else if (isRecord(old)) items[at] = applyStrategicMerge(old, item)
    else items.push(applyStrategicMerge({}, item))
  }
  return items
}

/** What the patch says beside values: what to take out, what to keep, in which order. */
function directives(merged: JsonObject, patch: JsonObject): JsonObject {
  for (const [name, value] of Object.entries(patch)) {
    if (name === '$patch') continue
    if (name === '$retainKeys' && Array.isArray(value)) {
      for (const key of Object.keys(merged)) if (!value.includes(key)) delete merged[key]
    } else if (name.startsWith(DELETE_PRIMITIVES) && Array.isArray(value)) {
      const field = name.slice(DELETE_PRIMITIVES.length)
      const list = merged[field]
      if (Array.isArray(list)) merged[field] = list.filter((item) => !value.includes(item))
    } else if (name.startsWith(ORDER) && Array.isArray(value)) {
      const field = name.slice(ORDER.length)
      const list = merged[field]
      if (Array.isArray(list)) merged[field] = ordered(list, value, MERGED_LISTS[field] ?? null)
    } else if (name.startsWith('$')) throw new ApiError('BadRequest', `the patch directive ${name} is not known`)
  }
  return merged
}

/** Items named in `order` in that order; the others stay behind them. */
function ordered(list: readonly unknown[], order: readonly unknown[], key: string | null): readonly unknown[] {
  const idOf = (item: unknown): unknown => (key !== null && isRecord(item) ? item[key] : item)
  const wanted = order.map(idOf)
  const rank = (item: unknown): number => {
    const at = wanted.findIndex((id) => deepEqual(id, idOf(item)))
    return at === -1 ? wanted.length : at
  }
  return [...list].sort((a, b) => rank(a) - rank(b))
}
