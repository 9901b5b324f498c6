// VirtualDisk v1alpha2. Without a data source it is blank.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import { DownloadSpeed, SourceType, sourceFields, UploadUrls } from '../image/source.ts'
import { Choice, Conditions, type DeepReadonly, Int64, IntOrQuantity, NullableDuration, Time } from '../shapes.ts'

const text = () => Type.Optional(Type.String())

const Spec = Type.Object({
  dataSource: Type.Optional(
    Type.Object({
      ...sourceFields({ refKinds: ['ClusterVirtualImage', 'VirtualImage', 'VirtualDiskSnapshot'], namespace: {} }),
      type: Type.Optional(SourceType()),
    }),
  ),
  persistentVolumeClaim: Type.Optional(Type.Object({ size: Type.Optional(IntOrQuantity()), storageClassName: text() })),
})

const MigrationState = Type.Object({
  endTimestamp: Type.Optional(Time()),
  message: text(),
  result: Type.Optional(Choice(['Succeeded', 'Failed'])),
  sourcePVC: text(),
  startTimestamp: Type.Optional(Time()),
  targetPVC: text(),
})

const duration = () => Type.Optional(NullableDuration())

const Status = Type.Object(
  {
    attachedToVirtualMachines: Type.Optional(
      Type.Array(Type.Object({ mounted: Type.Optional(Type.Boolean()), name: text() })),
    ),
    capacity: text(),
    conditions: Type.Optional(Conditions()),
    downloadSpeed: Type.Optional(DownloadSpeed()),
    imageUploadURLs: Type.Optional(UploadUrls()),
    migrationState: Type.Optional(MigrationState),
    observedGeneration: Type.Optional(Int64()),
    phase: Type.Optional(
      Choice([
        'Pending',
        'Provisioning',
        'WaitForUserUpload',
        'WaitForFirstConsumer',
        'Ready',
        'Resizing',
        'Failed',
        'PVCLost',
        'Exporting',
        'Terminating',
        'Migrating',
      ]),
    ),
    progress: text(),
    sourceUID: text(),
    stats: Type.Optional(
      Type.Object({
        creationDuration: Type.Optional(
          Type.Object({
            dvcrProvisioning: duration(),
            totalProvisioning: duration(),
            waitingForDependencies: duration(),
            waitingForFirstConsumer: duration(),
          }),
        ),
      }),
    ),
    storageClassName: text(),
    target: Type.Optional(Type.Object({ persistentVolumeClaimName: text() })),
    uploadCommand: text(),
  },
  { 'x-kubernetes-preserve-unknown-fields': true },
)

export const VirtualDiskSchema = Type.Object({ spec: Spec, status: Type.Optional(Status) })

export type VirtualDiskSpec = DeepReadonly<Type.Static<typeof Spec>>
export type VirtualDiskStatus = DeepReadonly<Type.Static<typeof Status>>

export interface VirtualDisk extends KubeObject {
  readonly spec: VirtualDiskSpec
  readonly status?: VirtualDiskStatus
}
