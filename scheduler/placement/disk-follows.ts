// A disk gets the host that its machine got.
import type { Resources } from '../../lib/apiserver/resources.ts'
import { nameOf } from '../../lib/object.ts'
import { type ClusterDiskStatus, clusterStatusOf, type VirtualDisk } from '../../schemas/index.ts'
import { DISKS } from '../../schemas/resources.ts'
import { type HandOver, handedOver } from './handed-over.ts'

/** Nothing is stored when its place is not `from` any more. @throws ApiError, StoreError */
export async function diskFollows(
  disk: VirtualDisk,
  from: string,
  handOver: HandOver,
  resources: Pick<Resources, 'modifyStatus'>,
): Promise<void> {
  await resources.modifyStatus<VirtualDisk>(DISKS, { ...nameOf(disk), uid: disk.metadata.uid }, (status, current) => {
    const berth = clusterStatusOf<ClusterDiskStatus>(current)
    if (berth.placement?.node !== from) return status
    return { ...status, berth: handedOver(berth, handOver) } as unknown as NonNullable<VirtualDisk['status']>
  })
}
