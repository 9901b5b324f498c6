// A scheduler's object -> this host's copy of it. Pure.
import { isDeepStrictEqual } from 'node:util'
import { copiedMetadata } from '../../../lib/cluster/copied.ts'
import type { KubeObject } from '../../../lib/object.ts'
import { BOUND, isBound, KINDS } from '../../../schemas/index.ts'

/** GroupResource of an object, by what it says that it is; null for a kind that this agent does not know. */
export function resourceOf({ apiVersion, kind }: KubeObject): string | null {
  const slash = apiVersion.indexOf('/')
  const group = slash < 0 ? '' : apiVersion.slice(0, slash)
  return KINDS.find((known) => known.kind === kind && known.group === group)?.resource ?? null
}

/** The same object with the same uid, marked. What is of the other server alone (status, owners, finalizers, deletion) stays there. */
export function copyOf(object: KubeObject): KubeObject {
  const { status: _, metadata, ...rest } = object
  return { ...rest, metadata: copiedMetadata(metadata, { ...metadata.annotations, [BOUND]: metadata.uid }) }
}

/** Whether what is here is that copy already. */
export function isCopy(here: KubeObject, copy: KubeObject): boolean {
  const { metadata: is } = here
  const { metadata: shall } = copy
  return (
    is.uid === shall.uid &&
    isBound(here) &&
    (is.generation ?? 0) >= (shall.generation ?? 0) &&
    isDeepStrictEqual(is.labels ?? {}, shall.labels ?? {}) &&
    isDeepStrictEqual(is.annotations ?? {}, shall.annotations ?? {}) &&
    sameContent(here, copy)
  )
}

/** Whether two objects say the same, whoever made them. */
export const sameContent = (one: KubeObject, other: KubeObject): boolean =>
  isDeepStrictEqual(contentOf(one), contentOf(other))

function contentOf({ apiVersion: _, metadata: __, status: ___, ...rest }: KubeObject): object {
  return rest
}
