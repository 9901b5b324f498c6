// storage.k8s.io/v1 StorageClass: where on the host disks live. One driver so far: qcow2 files in a folder.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import { AGE, column } from '../columns.ts'
import type { KindDef } from '../kind.ts'
import { dnsSubdomain } from '../names.ts'
import { DEFAULT_STORAGE_CLASS_ANNOTATION } from '../resources.ts'
import { Choice, type DeepReadonly, StringMap } from '../shapes.ts'
import { STORAGE_CLASS_RULES } from './rules.ts'

const Fields = Type.Object({
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

export const STORAGE_CLASS: KindDef = {
  group: 'storage.k8s.io',
  kind: 'StorageClass',
  plural: 'storageclasses',
  singular: 'storageclass',
  shortNames: ['sc'],
  categories: [],
  namespaced: false,
  resource: 'storageclasses.storage.k8s.io',
  versions: [
    {
      name: 'v1',
      schema: Fields,
      columns: [
        column('Provisioner', '.provisioner'),
        column('ReclaimPolicy', '.reclaimPolicy'),
        column('VolumeBindingMode', '.volumeBindingMode'),
        column('AllowVolumeExpansion', '.allowVolumeExpansion', 'boolean'),
        AGE,
      ],
    },
  ],
  storageVersion: 'v1',
  hasStatus: false,
  checkName: dnsSubdomain,
  rules: STORAGE_CLASS_RULES,
}
