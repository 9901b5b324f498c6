// An object as it goes to a host: what was asked for and who it is, without what only the scheduler's store means.
import { createHash } from 'node:crypto'
import { copiedMetadata } from '../../lib/cluster/copied.ts'
import type { KubeObject } from '../../lib/object.ts'

/** Repeats the whole object, and means something to the client that wrote it only. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
/** Annotation of a binding: SHA-256 of what was put, by which a scheduler knows it without keeping it. */
export const PUT_DIGEST = 'berth/put-digest'

export function copyOf<T extends KubeObject>(object: T, status?: unknown): T {
  const { status: _, metadata, ...rest } = object as KubeObject & Readonly<Record<string, unknown>>
  const { [LAST_APPLIED]: __, ...annotations } = metadata.annotations ?? {}
  return {
    ...rest,
    metadata: copiedMetadata(metadata, annotations),
    ...(status === undefined ? {} : { status }),
  } as unknown as T
}

/** The same for the same wish; statuses, which go along once, do not count. */
export const digestOf = (spec: object, objects: readonly KubeObject[]): string =>
  createHash('sha256')
    .update(JSON.stringify([spec, ...objects.map(({ status: _, ...rest }) => rest)]))
    .digest('hex')
