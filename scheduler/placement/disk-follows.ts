// A disk gets the host that its machine got.
import type { Resources } from '../../lib/apiserver/resources.ts'
import { type Clock, timestamp } from '../../lib/clock.ts'
import { nameOf } from '../../lib/object.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import {
  type ClusterDiskStatus,
  type ClusterVmStatus,
  clusterStatusOf,
  openMigration,
  type VirtualDisk,
  type VirtualMachine,
} from '../../schemas/index.ts'
import { DISKS } from '../../schemas/resources.ts'
import { disksOf } from '../binder/needs.ts'
import { isShared } from './facts.ts'
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

export interface FollowDeps {
  readonly reader: Pick<Reader, 'get' | 'list'>
  readonly resources: Pick<Resources, 'modifyStatus'>
  readonly clock: Pick<Clock, 'now'>
}

/**
 * Shared disks follow their machine from hosts that it leaves without a move: it got its new place before them, and they are found by those
 * hosts alone. So none of them is forgotten before this. @throws ApiError, StoreError
 */
export async function sharedDisksFollow(vm: VirtualMachine, { reader, resources, clock }: FollowDeps): Promise<void> {
  const status = clusterStatusOf<ClusterVmStatus>(vm)
  const { placement, leaving = [] } = status
  if (placement === undefined || leaving.length === 0 || openMigration(status) !== null) return
  const handOver = { to: placement.node, since: timestamp(clock.now()) }
  for (const disk of disksOf(vm, reader)) {
    const from = clusterStatusOf<ClusterDiskStatus>(disk).placement?.node
    if (from === undefined || from === placement.node || !isShared(disk, reader)) continue
    if (leaving.some(({ node }) => node === from)) await diskFollows(disk, from, handOver, resources)
  }
}

/**
 * In words, which of the machine's disks is on another host than `node`, and on that one alone: there it cannot start. A store that took up what
 * hosts know after a restore may say so of a machine that was deleted since, and of which no host knows. Null: none.
 */
export function localDiskElsewhere(
  vm: VirtualMachine,
  node: string,
  reader: Pick<Reader, 'get' | 'list'>,
): string | null {
  for (const disk of disksOf(vm, reader)) {
    const at = clusterStatusOf<ClusterDiskStatus>(disk).placement?.node
    if (at !== undefined && at !== node && !isShared(disk, reader))
      return `its disk ${disk.metadata.name} is on ${at}, and it goes there`
  }
  return null
}
