// From an object in the scheduler's store to what each host shall have of it: reads what the pure part needs.
import type { KubeObject } from '../../lib/object.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import {
  type ClusterDiskStatus,
  type ClusterVmStatus,
  clusterStatusOf,
  type HostBinding,
  type MigrationRecord,
  openMigration,
  type VirtualDisk,
  type VirtualMachine,
} from '../../schemas/index.ts'
import { CLUSTER_IMAGES, DISKS, IMAGES, VMS } from '../../schemas/resources.ts'
import { wantsToRun } from '../controllers/virtualmachine/wants.ts'
import { mayFailOver } from '../failover/eligible.ts'
import {
  DISKS_AT,
  DISKS_BY_REFERENCE,
  KIND_OF,
  referenceAt,
  referenceOf,
  VMS_AT,
  VMS_BY_REFERENCE,
} from '../indexes.ts'
import { diskWishes, type ImageFacts, imageWishes, vmWishes, type Wishes } from './bindings.ts'
import { needsOfDisk, needsOfVm } from './needs.ts'

export interface WishDeps {
  readonly reader: Pick<Reader, 'get' | 'list' | 'byIndex'>
  readonly urlOf: (node: string) => string | null
  /** Where a host can have an image's content from; absent: each host asks the image's own source. */
  readonly imageFor?: (image: KubeObject, node: string) => ReturnType<ImageFacts['imageFor']>
}

/** @param node right for this host alone, and cheaper where many refer to an object */
export function wishesOf(
  resource: string,
  object: KubeObject,
  holders: ReadonlyMap<string, HostBinding>,
  deps: WishDeps,
  node?: string,
): Wishes {
  const { reader } = deps
  switch (resource) {
    case VMS: {
      const vm = object as VirtualMachine
      return vmWishes(vm, {
        resource,
        holders,
        needs: needsOfVm(vm, reader),
        urlOf: deps.urlOf,
        failover: mayFailOver(vm, reader),
        wanted: wantsToRun(vm, reader),
      })
    }
    case DISKS: {
      const disk = object as VirtualDisk
      return diskWishes(disk, {
        resource,
        holders,
        needs: needsOfDisk(disk, reader),
        migration: migrationOf(disk, reader),
      })
    }
    case IMAGES:
    case CLUSTER_IMAGES:
      return imageWishes(object, {
        resource,
        holders,
        needs: [],
        users: node === undefined ? usersOf(resource, object, reader) : userAt(node, resource, object, reader),
        imageFor: (node) => deps.imageFor?.(object, node),
      })
    default:
      return new Map()
  }
}

/** VMs and disks that name this object. */
function referrers(resource: string, { metadata }: KubeObject, reader: WishDeps['reader']): readonly KubeObject[] {
  const reference = referenceOf(KIND_OF[resource] ?? '', metadata.namespace ?? '', metadata.name)
  return [VMS_BY_REFERENCE, DISKS_BY_REFERENCE].flatMap((index) => reader.byIndex(index, reference))
}

/** Of the machine that has the disk, when it is on its way. */
function migrationOf(disk: VirtualDisk, reader: WishDeps['reader']): MigrationRecord | null {
  for (const vm of referrers(DISKS, disk, reader)) {
    const open = openMigration(clusterStatusOf<ClusterVmStatus>(vm))
    if (open !== null) return open
  }
  return null
}

/** That one host, if it has a machine or a disk of this image. */
function userAt(
  node: string,
  resource: string,
  { metadata }: KubeObject,
  reader: WishDeps['reader'],
): ReadonlySet<string> {
  const reference = referenceOf(KIND_OF[resource] ?? '', metadata.namespace ?? '', metadata.name)
  const isUser = [VMS_AT, DISKS_AT].some((index) => reader.byIndex(index, referenceAt(reference, node)).length > 0)
  return new Set(isUser ? [node] : [])
}

/** Hosts with a machine, or with a disk, of this image. */
export function usersOf(resource: string, image: KubeObject, reader: WishDeps['reader']): ReadonlySet<string> {
  return new Set(
    referrers(resource, image, reader).flatMap((user) => {
      const { placement, migration } = clusterStatusOf<ClusterVmStatus & ClusterDiskStatus>(user)
      if (placement === undefined) return []
      // A disk that is made keeps its image in use: it is an overlay of it.
      const open = migration !== undefined && migration.phase !== 'Failed' ? [migration.to] : []
      return [placement.node, ...open]
    }),
  )
}
