// What of an object's metadata goes along when one server's object is copied to another. Owners, finalizers and deletion are of the other server
// alone: here they would point at nothing, and hold what nobody lets go.
import type { ObjectMeta } from '../object.ts'

/** With annotations as they shall be there; none: without any. In this order of fields, as digests are made of it. */
export function copiedMetadata(
  { name, namespace, uid, generation, creationTimestamp, labels }: ObjectMeta,
  annotations: Readonly<Record<string, string>>,
): ObjectMeta {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    uid,
    resourceVersion: '',
    ...(generation === undefined ? {} : { generation }),
    creationTimestamp,
    ...(labels === undefined ? {} : { labels }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  }
}
