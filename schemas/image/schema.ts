// VirtualImage and ClusterVirtualImage v1alpha2.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import { Choice, Conditions, type DeepReadonly, Int64 } from '../shapes.ts'
import { DownloadSpeed, SourceType, sourceFields, UploadUrls } from './source.ts'

const IMAGE_SOURCES = ['ClusterVirtualImage', 'VirtualImage', 'VirtualDisk', 'VirtualDiskSnapshot'] as const

const text = () => Type.Optional(Type.String())

const ImageSpec = Type.Object({
  dataSource: Type.Object({
    ...sourceFields({ refKinds: IMAGE_SOURCES, namespace: {} }),
    type: Type.Optional(SourceType()),
  }),
  persistentVolumeClaim: Type.Optional(Type.Object({ storageClassName: text() })),
  storage: Choice(['ContainerRegistry', 'Kubernetes', 'PersistentVolumeClaim'], { default: 'ContainerRegistry' }),
})

const ClusterImageSpec = Type.Object({
  dataSource: Type.Object({
    ...sourceFields({ refKinds: IMAGE_SOURCES, namespace: { namespace: text() } }),
    type: SourceType(),
  }),
})

const PHASES = ['Pending', 'Provisioning', 'WaitForUserUpload', 'Ready', 'Failed', 'Terminating', 'ImageLost'] as const

/** What both kinds report. */
const common = () => ({
  cdrom: Type.Optional(Type.Boolean()),
  conditions: Type.Optional(Conditions()),
  downloadSpeed: Type.Optional(DownloadSpeed()),
  format: text(),
  imageUploadURLs: Type.Optional(UploadUrls()),
  observedGeneration: Type.Optional(Int64()),
  progress: text(),
  size: Type.Optional(Type.Object({ stored: text(), storedBytes: text(), unpacked: text(), unpackedBytes: text() })),
  sourceUID: text(),
  uploadCommand: text(),
})

const keepUnknown = { 'x-kubernetes-preserve-unknown-fields': true }

const ImageStatus = Type.Object(
  {
    ...common(),
    phase: Type.Optional(Choice([...PHASES, 'PVCLost'])),
    storageClassName: text(),
    target: Type.Optional(Type.Object({ persistentVolumeClaimName: text(), registryURL: text() })),
  },
  keepUnknown,
)

const ClusterImageStatus = Type.Object(
  {
    ...common(),
    phase: Type.Optional(Choice(PHASES)),
    target: Type.Optional(Type.Object({ registryURL: text() })),
    usedInNamespaces: Type.Optional(Type.Array(Type.String())),
  },
  keepUnknown,
)

export const VirtualImageSchema = Type.Object({ spec: ImageSpec, status: Type.Optional(ImageStatus) })
export const ClusterVirtualImageSchema = Type.Object({
  spec: ClusterImageSpec,
  status: Type.Optional(ClusterImageStatus),
})

export type VirtualImageSpec = DeepReadonly<Type.Static<typeof ImageSpec>>
export type VirtualImageStatus = DeepReadonly<Type.Static<typeof ImageStatus>>
export type ClusterVirtualImageSpec = DeepReadonly<Type.Static<typeof ClusterImageSpec>>
export type ClusterVirtualImageStatus = DeepReadonly<Type.Static<typeof ClusterImageStatus>>

export interface VirtualImage extends KubeObject {
  readonly spec: VirtualImageSpec
  readonly status?: VirtualImageStatus
}

export interface ClusterVirtualImage extends KubeObject {
  readonly spec: ClusterVirtualImageSpec
  readonly status?: ClusterVirtualImageStatus
}
