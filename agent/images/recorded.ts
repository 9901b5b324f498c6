// The part of an object that is kept beside its file, enough to make the object again.
import type { KubeObject } from '../../lib/object.ts'

/** Without status and without what the store counts: it changes only when the object's owner changes something. */
export function recorded({ apiVersion, kind, metadata, spec }: KubeObject): unknown {
  const { name, namespace, uid, creationTimestamp, labels, annotations, ownerReferences } = metadata
  const kept = { name, namespace, uid, creationTimestamp, labels, annotations, ownerReferences }
  return JSON.parse(JSON.stringify({ apiVersion, kind, metadata: kept, spec }))
}
