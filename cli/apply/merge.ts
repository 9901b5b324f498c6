// The three-way merge of `apply`: what a file says now, what it said last time, what the server has.
import { isDeepStrictEqual } from 'node:util'

export type Fields = Readonly<Record<string, unknown>>
export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * The JSON merge patch (RFC 7396) that brings `live` to `wanted`: fields of `wanted` are set, fields that `last` had and
 * `wanted` has not are removed, all others stay as they are. Lists are one value. An empty object when nothing is to do.
 */
export function threeWayPatch(last: Fields, wanted: Fields, live: Fields): Fields {
  const patch: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(wanted)) {
    const has = Object.hasOwn(live, key)
    const old = live[key]
    if (value === null) {
      if (has) patch[key] = null
    } else if (isFields(value) && isFields(old)) {
      const before = last[key]
      const inner = threeWayPatch(isFields(before) ? before : {}, value, old)
      if (Object.keys(inner).length > 0) patch[key] = inner
    } else if (!has || !isDeepStrictEqual(value, old)) patch[key] = withoutNulls(value)
  }
  for (const key of Object.keys(last)) if (!Object.hasOwn(wanted, key) && Object.hasOwn(live, key)) patch[key] = null
  return patch
}

/** In a file, null means "not set"; in a list's element it would be stored as it is. */
function withoutNulls(value: unknown): unknown {
  if (!isFields(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  )
}
