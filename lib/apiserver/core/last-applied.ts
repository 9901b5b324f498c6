// From kubectl's client-side apply to its server-side apply and back, as Kubernetes' server eases it: the annotation with the last applied
// configuration says which fields are kubectl's own already, and goes on to say what was applied.
import { compare, namedFields, written } from '../fields/compare.ts'
import type { Conflict } from '../fields/managers.ts'
import { difference, EMPTY, type FieldSet, isEmpty, union } from '../fields/set.ts'
import { isRecord, type JsonObject } from './json.ts'

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
/** The name under which kubectl applies. Any other manager opts out. */
export const KUBECTL = 'kubectl'

/** Fields that client-side apply set and nobody changed since. */
function setByClientSideApply(schema: JsonObject, live: JsonObject): FieldSet {
  const last = recordOf(live)
  if (last === null) return EMPTY
  const changes = compare(schema, last, live)
  return difference(namedFields(schema, last), union(written(changes), changes.removed))
}

/** The conflicts without those about fields that kubectl itself set. */
export function conflictsOfOthers(
  conflicts: readonly Conflict[],
  schema: JsonObject,
  live: JsonObject,
): readonly Conflict[] {
  const allowed = setByClientSideApply(schema, live)
  return conflicts.flatMap(({ entry, fields }) => {
    const left = difference(fields, allowed)
    return isEmpty(left) ? [] : [{ entry, fields: left }]
  })
}

/** `after` with the annotation brought up to what was applied, where `live` has one. */
export function withLastApplied(live: JsonObject, after: JsonObject, applied: JsonObject): JsonObject {
  const annotations = annotationsOf(after)
  if (annotationsOf(live)[LAST_APPLIED] === undefined || annotations[LAST_APPLIED] === undefined) return after
  const { [LAST_APPLIED]: _, ...others } = annotationsOf(applied)
  const metadata = isRecord(applied.metadata) ? applied.metadata : {}
  const recorded = {
    ...applied,
    metadata: { ...metadata, ...(Object.keys(others).length > 0 ? { annotations: others } : {}) },
  }
  return {
    ...after,
    metadata: {
      ...(isRecord(after.metadata) ? after.metadata : {}),
      annotations: { ...annotations, [LAST_APPLIED]: `${JSON.stringify(recorded)}\n` },
    },
  }
}

function annotationsOf({ metadata }: JsonObject): JsonObject {
  return isRecord(metadata) && isRecord(metadata.annotations) ? metadata.annotations : {}
}

function recordOf(live: JsonObject): JsonObject | null {
  const text = annotationsOf(live)[LAST_APPLIED]
  if (typeof text !== 'string') return null
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}
