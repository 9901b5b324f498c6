// A machine as placement sees it, with all that it refers to.
import { diskFactsOf, type VmExtras, type VmFacts, vmFactsOf } from '../../lib/placement/index.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import {
  type ClusterImageStatus,
  clusterStatusOf,
  discoveredOf,
  type VirtualDisk,
  type VirtualImage,
  type VirtualMachine,
  type VirtualMachineClass,
} from '../../schemas/index.ts'
import { CLUSTER_IMAGES, IMAGES, VM_CLASSES } from '../../schemas/resources.ts'
import { disksOf, storageClassOf } from '../binder/needs.ts'

export type FactsReader = Pick<Reader, 'get' | 'list'>

/** @throws QuantityError for a memory size that the API server would not have stored */
export function factsOf(vm: VirtualMachine, reader: FactsReader, extras: FactsExtras): VmFacts {
  const disks = disksOf(vm, reader)
  const className = vm.spec.virtualMachineClassName
  const vmClass = reader.get<VirtualMachineClass>(VM_CLASSES, { namespace: '', name: className })
  return vmFactsOf(vm, {
    vmClass,
    discovered: (vmClass === null ? null : discoveredOf(vmClass))?.enabled ?? [],
    disks: disks.map((disk) =>
      diskFactsOf(disk, {
        storageClass: storageClassName(disk, reader),
        shared: isShared(disk, reader),
        imageBytes: Number(imageOf(disk, reader)?.status?.size?.unpackedBytes ?? 0),
      }),
    ),
    images: disks.flatMap((disk) => imageNeed(disk, reader)),
    ...extras,
  })
}

export interface Priority {
  readonly priority: number
  readonly preempts: boolean
}

/** `runsOn`: of a machine that is to move while it runs. */
export type FactsExtras = Priority & Pick<VmExtras, 'runsOn'>

export const isShared = (disk: VirtualDisk, reader: FactsReader): boolean =>
  storageClassOf(disk, reader)?.parameters?.shared === 'true'

const storageClassName = (disk: VirtualDisk, reader: FactsReader): string | null =>
  disk.status?.storageClassName ?? storageClassOf(disk, reader)?.metadata.name ?? null

/** The image that a disk is made from, if it is there. */
function imageOf(disk: VirtualDisk, reader: FactsReader): VirtualImage | null {
  const { objectRef } = disk.spec.dataSource ?? {}
  if (objectRef === undefined) return null
  const isCluster = objectRef.kind === 'ClusterVirtualImage'
  return reader.get<VirtualImage>(isCluster ? CLUSTER_IMAGES : IMAGES, {
    namespace: isCluster ? '' : (disk.metadata.namespace ?? ''),
    name: objectRef.name,
  })
}

/** The image of a disk that is yet to be made. */
function imageNeed(disk: VirtualDisk, reader: FactsReader): VmFacts['images'] {
  if (disk.status?.phase === 'Ready') return []
  const image = imageOf(disk, reader)
  const { digest } = clusterStatusOf<ClusterImageStatus>(image)
  if (digest === undefined) return []
  return [{ digest, bytes: Number(image?.status?.size?.storedBytes ?? 0) }]
}
