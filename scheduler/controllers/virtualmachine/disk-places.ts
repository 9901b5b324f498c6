// The disks of a machine go where it goes: written before its own place, so that one that is killed in between follows its disks.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import { type Clock, timestamp } from '../../../lib/clock.ts'
import { nameOf } from '../../../lib/object.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import {
  type ClusterDiskStatus,
  clusterStatusOf,
  nextEpoch,
  type VirtualDisk,
  type VirtualMachine,
} from '../../../schemas/index.ts'
import { DISKS } from '../../../schemas/resources.ts'
import { disksOf } from '../../binder/needs.ts'
import type { Links } from '../../links/links.ts'
import { isShared } from '../../placement/facts.ts'
import { HOSTS_FINALIZER } from './finalizer.ts'

export interface DiskPlaceDeps {
  readonly reader: Reader
  readonly resources: Pick<Resources, 'modifyStatus'>
  readonly agents: Pick<Links, 'view'>
  readonly clock: Clock
}

type Status = VirtualDisk['status']

/** Gives all of the machine's disks to the host, but for those that lie on another one alone. */
export async function placeDisks(vm: VirtualMachine, node: string, deps: DiskPlaceDeps): Promise<void> {
  const { reader, resources, clock } = deps
  for (const disk of disksOf(vm, reader)) {
    const { placement } = clusterStatusOf<ClusterDiskStatus>(disk)
    if (placement?.node === node) continue
    if (placement !== undefined && !isShared(disk, reader)) continue
    await resources.modifyStatus<VirtualDisk>(
      DISKS,
      { ...nameOf(disk), uid: disk.metadata.uid },
      (status, current) => diskPlaced(status, clusterStatusOf<ClusterDiskStatus>(current), node, clock.now()),
      { finalizer: HOSTS_FINALIZER },
    )
  }
}

/** Takes back disks that were given to a host with the machine, and of which it has nothing. */
export async function clearDisks(vm: VirtualMachine, node: string, deps: DiskPlaceDeps): Promise<void> {
  const { reader, resources, agents } = deps
  for (const disk of disksOf(vm, reader)) {
    const { uid } = disk.metadata
    const view = agents.view(node)
    if (view === null || !view.inSync || view.binding(uid) !== null) continue
    await resources.modifyStatus<VirtualDisk>(DISKS, { ...nameOf(disk), uid }, (status, current) =>
      diskCleared(status, clusterStatusOf<ClusterDiskStatus>(current), node),
    )
  }
}

function diskPlaced(status: Status, before: ClusterDiskStatus, node: string, nowMs: number): Status {
  if (before.placement?.node === node) return status
  const { epoch: _, placement: old, ...kept } = before
  const leaving = old === undefined ? (kept.leaving ?? []) : [...(kept.leaving ?? []), old]
  const berth = {
    ...kept,
    placement: { node, epoch: nextEpoch(before), since: timestamp(nowMs) },
    ...(leaving.length === 0 ? {} : { leaving }),
  }
  return { ...status, berth } as Status
}

function diskCleared(status: Status, before: ClusterDiskStatus, node: string): Status {
  const { placement, ...kept } = before
  if (placement?.node !== node) return status
  return { ...status, berth: { ...kept, epoch: nextEpoch(before) - 1 } } as Status
}
