// JSON merge patch (RFC 7386): objects merge, null removes, all else replaces.
import { isRecord, type JsonObject } from '../core/json.ts'

/** @returns a new document; shares no changed part with `document`. */
export function applyMergePatch(document: JsonObject, patch: JsonObject): JsonObject {
  const merged: JsonObject = { ...document }
  for (const [key, value] of Object.entries(patch)) {
    const present = Object.hasOwn(merged, key) ? merged[key] : undefined
    if (value === null) delete merged[key]
    else if (isRecord(value)) merged[key] = applyMergePatch(isRecord(present) ? present : {}, value)
    else merged[key] = value
  }
  return merged
}
