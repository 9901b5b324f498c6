// The patch types by content type, as functions from the present object to the wanted one.
import type { KindDef } from '../../../schemas/kind.ts'
import { ApiError } from '../../errors.ts'
import type { KubeObject } from '../../object.ts'
import { checkShape, clonePlain, isRecord, type JsonObject } from '../core/json.ts'
import { applyJsonPatch } from '../patch/json-patch.ts'
import { applyMergePatch } from '../patch/merge-patch.ts'
import { applyStrategicMerge } from '../patch/strategic-merge.ts'
import { parseJson } from './body.ts'

export const JSON_PATCH = 'application/json-patch+json'
export const MERGE_PATCH = 'application/merge-patch+json'
export const STRATEGIC_MERGE_PATCH = 'application/strategic-merge-patch+json'
export const APPLY_PATCH = 'application/apply-patch+yaml'

/** What a kind can be patched with: strategic merge is for the kinds that Kubernetes itself has, as for any custom resource there. */
export const patchTypes = ({ group }: KindDef): readonly string[] =>
  group === '' || group.endsWith('.k8s.io')
    ? [JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, APPLY_PATCH]
    : [JSON_PATCH, MERGE_PATCH, APPLY_PATCH]

/** @throws ApiError UnsupportedMediaType */
export function checkPatchType(kind: KindDef, type: string): void {
  const types = patchTypes(kind)
  if (!types.includes(type))
    throw new ApiError(
      'UnsupportedMediaType',
      `${kind.plural} cannot be patched with ${JSON.stringify(type.slice(0, 100))}, only with ${types.join(', ')}`,
    )
}

/** What a patch other than apply makes of an object as clients see it. @throws ApiError BadRequest */
export function patchOf(body: Buffer, type: string): (current: KubeObject) => JsonObject {
  const patch = parseJson(body)
  if (type === JSON_PATCH) return checked((current) => applyJsonPatch(current, patch))
  if (!isRecord(patch)) throw new ApiError('BadRequest', 'a merge patch must be an object')
  const apply = type === MERGE_PATCH ? applyMergePatch : applyStrategicMerge
  return checked((current) => apply(current, patch))
}

/** The result is a copy of its own (stored values are shared) and within the bounds of any document. */
const checked =
  (apply: (current: JsonObject) => JsonObject) =>
  (current: KubeObject): JsonObject => {
    const wanted = apply({ ...current })
    checkShape(wanted)
    return clonePlain(wanted)
  }
