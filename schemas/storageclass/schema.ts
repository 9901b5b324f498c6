// The shape of a StorageClass, and what a class means.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import { DEFAULT_STORAGE_CLASS_ANNOTATION } from '../resources.ts'
import { Choice, type DeepReadonly, StringMap } from '../shapes.ts'

export const Fields = Type.Object({
  provisioner: Type.String({ minLength: 1 }),
  parameters: Type.Optional(StringMap()),
  reclaimPolicy: Type.Optional(Choice(['Delete', 'Retain'], { default: 'Delete' })),
  volumeBindingMode: Type.Optional(Choice(['Immediate', 'WaitForFirstConsumer'], { default: 'Immediate' })),
  allowVolumeExpansion: Type.Optional(Type.Boolean({ default: true })),
  mountOptions: Type.Optional(Type.Array(Type.String())),
  allowedTopologies: Type.Optional(
    Type.Array(
      Type.Object({
        matchLabelExpressions: Type.Optional(
          Type.Array(Type.Object({ key: Type.String(), values: Type.Array(Type.String()) })),
        ),
      }),
    ),
  ),
})

/** The class's folder is the same on all hosts: its disks can be reached from each. */
export const isShared = ({ parameters }: Pick<StorageClass, 'parameters'>): boolean => parameters?.shared === 'true'

/** Its disks are made when a machine that names them is about to run, where that machine runs. */
export const waitsForConsumer = ({ volumeBindingMode }: Pick<StorageClass, 'volumeBindingMode'>): boolean =>
  volumeBindingMode === 'WaitForFirstConsumer'

/** The class of disks that name none: of several that are marked the newest, as in Kubernetes; null when none is. */
export function defaultStorageClass(classes: readonly StorageClass[]): StorageClass | null {
  const marked = classes.filter(({ metadata }) => metadata.annotations?.[DEFAULT_STORAGE_CLASS_ANNOTATION] === 'true')
  const age = ({ metadata }: StorageClass) => metadata.creationTimestamp
  return marked.toSorted((a, b) => (age(a) < age(b) ? 1 : age(a) > age(b) ? -1 : 0))[0] ?? null
}

export interface StorageClass extends KubeObject, DeepReadonly<Type.Static<typeof Fields>> {}
