// What `apply` remembers in the object itself: the file's content of last time, in kubectl's annotation, so that both can take turns.
import type { ManifestObject } from '../manifests.ts'
import { type Fields, isFields } from './merge.ts'

export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/** The server's own fields: they are in a file only because it was exported, and are not asked for. */
const SERVER_META = [
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generation',
  'managedFields',
  'resourceVersion',
  'selfLink',
  'uid',
]

/** What a file asks for: without status and the server's metadata, a Secret's `stringData` folded into `data`. */
export function wantedOf(object: ManifestObject, namespace: string | undefined): ManifestObject {
  const { status: _status, ...rest } = object
  const metadata = Object.fromEntries(Object.entries(rest.metadata).filter(([key]) => !SERVER_META.includes(key)))
  const { [LAST_APPLIED]: _last, ...annotations } = isFields(metadata.annotations) ? metadata.annotations : {}
  const plain: ManifestObject = {
    ...rest,
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: {
      ...metadata,
      ...(namespace === undefined ? {} : { namespace }),
      ...(Object.keys(annotations).length > 0
        ? { annotations }
        : isFields(metadata.annotations)
          ? { annotations: {} }
          : {}),
    },
  }
  return isSecret(object) ? foldStringData(plain) : plain
}

const isSecret = ({ apiVersion, kind }: ManifestObject): boolean => apiVersion === 'v1' && kind === 'Secret'

/** `stringData` is never stored, so a later look could not tell what it had set. */
function foldStringData(object: ManifestObject): ManifestObject {
  const { stringData, ...rest } = object
  if (!isFields(stringData)) return object
  const encoded = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(String(value)).toString('base64')])
  return {
    ...rest,
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: object.metadata,
    data: { ...(isFields(rest.data) ? rest.data : {}), ...Object.fromEntries(encoded) },
  }
}

/** The same object with the record of itself. A Secret's record holds its keys only: annotations are not encrypted. */
export function withRecord(wanted: ManifestObject): ManifestObject {
  const recorded = isSecret(wanted) && isFields(wanted.data) ? { ...wanted, data: blank(wanted.data) } : wanted
  const annotations = isFields(wanted.metadata.annotations) ? wanted.metadata.annotations : {}
  return {
    ...wanted,
    metadata: { ...wanted.metadata, annotations: { ...annotations, [LAST_APPLIED]: `${JSON.stringify(recorded)}\n` } },
  }
}

const blank = (data: Fields): Fields => Object.fromEntries(Object.keys(data).map((key) => [key, '']))

/** What the live object says was applied last time; empty when nothing or something unreadable. */
export function recordOf(live: Fields): Fields {
  const metadata = live.metadata
  const annotations = isFields(metadata) ? metadata.annotations : undefined
  const text = isFields(annotations) ? annotations[LAST_APPLIED] : undefined
  if (typeof text !== 'string') return {}
  try {
    const value: unknown = JSON.parse(text)
    return isFields(value) ? value : {}
  } catch {
    return {}
  }
}
