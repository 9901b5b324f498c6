// The rules of metadata: names, labels, annotations, finalizers, owners (Kubernetes' apimachinery validation), and its canonical form.
import { randomBytes } from 'node:crypto'
import type { KindDef } from '../../../schemas/kind.ts'
import type { FieldError } from '../../errors.ts'
import type { ObjectMeta } from '../../object.ts'
import { joinPath } from './json.ts'

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const NAME_PART = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/
const ANNOTATION_BYTES = 262_144
const GENERATED_CHARS = 'bcdfghjklmnpqrstvwxz2456789'
const GENERATED_LENGTH = 5

/** What a client may leave out. */
export type DraftMeta = { readonly [K in keyof ObjectMeta]?: ObjectMeta[K] | undefined }

const invalid = (path: string, message: string): FieldError => ({ path, reason: 'FieldValueInvalid', message })

/** What is wrong with the metadata of an object about to be written. The name is already filled in. */
export function metadataErrors(kind: KindDef, meta: DraftMeta): readonly FieldError[] {
  return [
    ...nameErrors(kind, meta),
    ...Object.entries(meta.labels ?? {}).flatMap(([key, value]) => labelErrors(key, value)),
    ...annotationErrors(meta.annotations ?? {}),
    ...(meta.finalizers ?? []).flatMap((finalizer, index) =>
      qualifiedNameProblem(finalizer) === null
        ? []
        : [invalid(`metadata.finalizers[${index}]`, qualifiedNameProblem(finalizer) ?? '')],
    ),
    ...ownerErrors(meta),
  ]
}

function nameErrors(kind: KindDef, meta: DraftMeta): readonly FieldError[] {
  const name = meta.name ?? ''
  if (name === '')
    return [{ path: 'metadata.name', reason: 'FieldValueRequired', message: 'name or generateName is required' }]
  if (kind.pathNames !== true && (!SUBDOMAIN.test(name) || name.length > 253))
    return [
      invalid(
        'metadata.name',
        'must have at most 253 characters: lower case letters, digits, "-" and ".", beginning and ending with a letter or digit',
      ),
    ]
  const problem = kind.checkName(name)
  return problem === null ? [] : [invalid('metadata.name', problem)]
}

/** What is wrong with a namespace's name, or null. */
export const namespaceProblem = (name: string): string | null =>
  LABEL.test(name) && name.length <= 63
    ? null
    : 'must have at most 63 characters: lower case letters, digits and "-", beginning and ending with a letter or digit'

function labelErrors(key: string, value: string): readonly FieldError[] {
  const problem = qualifiedNameProblem(key)
  if (problem !== null) return [invalid('metadata.labels', `key ${JSON.stringify(key.slice(0, 80))}: ${problem}`)]
  const valueProblem = labelValueProblem(value)
  return valueProblem === null ? [] : [invalid(joinPath('metadata.labels', key), valueProblem)]
}

/** What is wrong with a label's value, or null. */
export function labelValueProblem(value: string): string | null {
  if (value === '' || (NAME_PART.test(value) && value.length <= 63)) return null
  return 'must be empty or have at most 63 letters, digits, "-", "_" or ".", beginning and ending with a letter or digit'
}

/** What is wrong with a label key, annotation key or finalizer (`[prefix/]name`), or null. */
export function qualifiedNameProblem(key: string): string | null {
  const slash = key.indexOf('/')
  const name = key.slice(slash + 1)
  if (slash === 0 || (slash > 0 && !(SUBDOMAIN.test(key.slice(0, slash)) && slash <= 253)))
    return 'the prefix before "/" must be a DNS name of at most 253 characters'
  if (!NAME_PART.test(name) || name.length > 63)
    return 'the name must have 1 to 63 letters, digits, "-", "_" or ".", beginning and ending with a letter or digit'
  return null
}

function annotationErrors(annotations: Readonly<Record<string, string>>): readonly FieldError[] {
  let bytes = 0
  const errors: FieldError[] = []
  for (const [key, value] of Object.entries(annotations)) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value)
    // Kubernetes compares annotation keys without regard to case.
    const problem = qualifiedNameProblem(key.toLowerCase())
    if (problem !== null)
      errors.push(invalid('metadata.annotations', `key ${JSON.stringify(key.slice(0, 80))}: ${problem}`))
  }
  if (bytes > ANNOTATION_BYTES)
    errors.push({
      path: 'metadata.annotations',
      reason: 'FieldValueTooLong',
      message: `must have at most ${ANNOTATION_BYTES} bytes in all`,
    })
  return errors
}

function ownerErrors(meta: DraftMeta): readonly FieldError[] {
  const owners = meta.ownerReferences ?? []
  const errors = owners.flatMap((owner, index) =>
    (['apiVersion', 'kind', 'name', 'uid'] as const)
      .filter((field) => owner[field] === '')
      .map(
        (field): FieldError => ({
          path: `metadata.ownerReferences[${index}].${field}`,
          reason: 'FieldValueRequired',
          message: 'must not be empty',
        }),
      ),
  )
  if (owners.filter((owner) => owner.controller === true).length > 1)
    errors.push(invalid('metadata.ownerReferences', 'only one owner may be the controller'))
  return errors
}

/** `prefix` and five random characters; a long prefix is cut so that the name stays within 63. */
export function generatedName(prefix: string): string {
  const suffix = [...randomBytes(GENERATED_LENGTH)]
    .map((byte) => GENERATED_CHARS[byte % GENERATED_CHARS.length])
    .join('')
  return prefix.slice(0, 63 - GENERATED_LENGTH) + suffix
}

/** Metadata in its canonical order, without empty fields and without what a server does not keep. */
export function canonicalMeta(meta: DraftMeta): ObjectMeta {
  const { labels, annotations, finalizers, ownerReferences, managedFields } = meta
  return {
    name: meta.name ?? '',
    ...(meta.generateName ? { generateName: meta.generateName } : {}),
    ...(meta.namespace ? { namespace: meta.namespace } : {}),
    uid: meta.uid ?? '',
    resourceVersion: meta.resourceVersion ?? '',
    ...(meta.generation !== undefined ? { generation: meta.generation } : {}),
    creationTimestamp: meta.creationTimestamp ?? '',
    ...(meta.deletionTimestamp ? { deletionTimestamp: meta.deletionTimestamp } : {}),
    ...(labels !== undefined && Object.keys(labels).length > 0 ? { labels } : {}),
    ...(annotations !== undefined && Object.keys(annotations).length > 0 ? { annotations } : {}),
    ...(finalizers !== undefined && finalizers.length > 0 ? { finalizers: [...new Set(finalizers)] } : {}),
    ...(ownerReferences !== undefined && ownerReferences.length > 0 ? { ownerReferences } : {}),
    ...(managedFields !== undefined && managedFields.length > 0 ? { managedFields } : {}),
  }
}
