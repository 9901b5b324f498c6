// What is wrong with an image beyond its schema.
import { isDeepStrictEqual } from 'node:util'
import { isTrue } from '../../lib/conditions.ts'
import type { FieldError } from '../../lib/errors.ts'
import { forbidden, invalid, notBuilt, required, ruleOf, tooLong, when } from '../errors.ts'
import type { Rule } from '../kind.ts'
import type { ClusterVirtualImage, VirtualImage } from './schema.ts'
import { sourceProblems } from './source-rules.ts'

type AnyImage = VirtualImage | ClusterVirtualImage

const REF = 'spec.dataSource.objectRef'

export const sourceIsValid = (image: AnyImage): readonly FieldError[] => sourceProblems(image.spec.dataSource)

/** An image that names itself as its source would wait for itself for ever. */
export const imageIsNotItsOwnSource = (image: AnyImage): readonly FieldError[] =>
  when(namesItself(image), () => invalid(REF, `the ${image.kind} "${image.metadata.name}" cannot be its own source`))

function namesItself({ kind, metadata, spec }: AnyImage): boolean {
  const { type, objectRef } = spec.dataSource
  return type === 'ObjectRef' && objectRef?.kind === kind && objectRef.name === metadata.name
}

/** Images from other objects come with a later issue; a circle is an error of its own. */
export const objectRefIsBuilt = (image: AnyImage): readonly FieldError[] =>
  when(image.spec.dataSource.type === 'ObjectRef' && !namesItself(image), () =>
    notBuilt('spec.dataSource.type', 'the source type ObjectRef of an image'),
  )

/** Guests may have begun to use a ready image: it stays as it is. */
export const specIsFrozenWhenReady = (image: AnyImage, old: AnyImage | null): readonly FieldError[] =>
  when(old !== null && isReady(old) && !isDeepStrictEqual(image.spec, old.spec), () =>
    forbidden('spec', 'cannot be changed once the image is ready'),
  )

const isReady = ({ status }: AnyImage): boolean => status?.phase === 'Ready' || isTrue(status?.conditions, 'Ready')

/** An image in a volume of its own comes later; `ContainerRegistry` is the store of images on the host. */
export const storageIsBuilt = ({ spec }: VirtualImage): readonly FieldError[] => [
  ...when(spec.storage !== 'ContainerRegistry', () => notBuilt('spec.storage', `the image storage ${spec.storage}`)),
  ...when(Boolean(spec.persistentVolumeClaim?.storageClassName), () =>
    notBuilt('spec.persistentVolumeClaim.storageClassName', 'a storage class of an image'),
  ),
]

const NAMESPACED = ['VirtualImage', 'VirtualDisk', 'VirtualDiskSnapshot']

const namespacedRef = ({ spec }: ClusterVirtualImage) => {
  const ref = spec.dataSource.objectRef
  return ref && NAMESPACED.includes(ref.kind) ? ref : undefined
}

/** A cluster-wide image has no namespace of its own to look in. */
export const namespacedRefHasNamespace = (image: ClusterVirtualImage): readonly FieldError[] => {
  const ref = namespacedRef(image)
  return when(ref !== undefined && !ref.namespace, () =>
    required(`${REF}.namespace`, `the namespace is required for ${NAMESPACED.join(', ')}`),
  )
}

export const refNamespaceIsShort = (image: ClusterVirtualImage): readonly FieldError[] =>
  when((namespacedRef(image)?.namespace?.length ?? 0) > 63, () =>
    tooLong(`${REF}.namespace`, 'the namespace must be no longer than 63 characters'),
  )

const COMMON: readonly Rule[] = [
  ruleOf(sourceIsValid),
  ruleOf(imageIsNotItsOwnSource),
  ruleOf(objectRefIsBuilt),
  ruleOf(specIsFrozenWhenReady),
]

export const VIRTUAL_IMAGE_RULES: readonly Rule[] = [...COMMON, ruleOf(storageIsBuilt)]

export const CLUSTER_VIRTUAL_IMAGE_RULES: readonly Rule[] = [
  ...COMMON,
  ruleOf(namespacedRefHasNamespace),
  ruleOf(refNamespaceIsShort),
]
