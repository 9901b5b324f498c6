// From an object in the scheduler's store to what each host shall have of it: reads what the pure part needs.
import type { KubeObject } from '../../lib/object.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import {
  type ClusterDiskStatus,
  type ClusterImageStatus,
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
import { diskWishes, type ImageFacts, imageWishes, vmWishes, type Wish, type Wishes } from './bindings.ts'
import { needsOfDisk, needsOfVm } from './needs.ts'
import { type HostRole, heldRoles, machineRoles } from './roles.ts'

export interface WishDeps {
  readonly reader: Pick<Reader, 'get' | 'list' | 'byIndex'>
  /** Members of the cluster. */
  readonly nodes: () => readonly string[]
  readonly urlOf: (node: string) => string | null
  /** Where a host can have an image's content from; absent: each host asks the image's own source. */
  readonly imageFor?: (image: KubeObject, node: string) => ReturnType<ImageFacts['imageFor']>
}

/** What each host shall have of it. */
export function wishesOf(
  resource: string,
  object: KubeObject,
  holders: ReadonlyMap<string, HostBinding>,
  deps: WishDeps,
): Wishes {
  if (!isImage(resource)) return heldWishes(resource, object, holders, deps)
  const users = usersOf(resource, object, deps)
  return imageWishes(object, { ...imageFacts(resource, object, deps), holders, users })
}

/** The same for one host. An image may be on all of them, and what one has of it does not depend on the others' bindings. */
export function wishAt(
  node: string,
  resource: string,
  object: KubeObject,
  holders: ReadonlyMap<string, HostBinding>,
  deps: WishDeps,
): Wish | 'wait' | undefined {
  if (!isImage(resource)) return heldWishes(resource, object, holders, deps).get(node)
  const own = holders.get(node)
  const facts = {
    ...imageFacts(resource, object, deps),
    holders: new Map(own === undefined ? [] : [[node, own]]),
    users: userAt(node, resource, object, deps.reader),
  }
  return imageWishes(onlyAt(node, object), facts).get(node)
}

/** Hosts that shall have it, or something of it. */
export function wantingNodes(resource: string, object: KubeObject, deps: WishDeps): readonly string[] {
  if (!isImage(resource)) return rolesOf(resource, object, deps).map(({ node }) => node)
  const { nodes = [] } = clusterStatusOf<ClusterImageStatus>(object)
  return [...new Set([...nodes, ...usersOf(resource, object, deps)])]
}

function rolesOf(resource: string, object: KubeObject, { reader, urlOf }: WishDeps): readonly HostRole[] {
  if (resource === VMS) return machineRoles(clusterStatusOf<ClusterVmStatus>(object), urlOf)
  const disk = object as VirtualDisk
  return resource === DISKS ? heldRoles(clusterStatusOf<ClusterDiskStatus>(disk), migrationOf(disk, reader)) : []
}

const isImage = (resource: string): boolean => resource === IMAGES || resource === CLUSTER_IMAGES

/** As if no other host had anything of the image. */
function onlyAt(node: string, image: KubeObject): KubeObject {
  const berth = clusterStatusOf<ClusterImageStatus>(image)
  const nodes = (berth.nodes ?? []).filter((name) => name === node)
  return { ...image, status: { ...(image.status as object | undefined), berth: { ...berth, nodes } } } as KubeObject
}

const imageFacts = (resource: string, image: KubeObject, deps: WishDeps) => ({
  resource,
  needs: [],
  imageFor: (node: string) => deps.imageFor?.(image, node),
})

function heldWishes(
  resource: string,
  object: KubeObject,
  holders: ReadonlyMap<string, HostBinding>,
  deps: WishDeps,
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
  return new Set(isUserAt(referenceAt(reference, node), reader) ? [node] : [])
}

/** Hosts with a machine, or with a disk, of this image. */
export function usersOf(
  resource: string,
  { metadata }: KubeObject,
  { reader, nodes }: Pick<WishDeps, 'reader' | 'nodes'>,
): ReadonlySet<string> {
  const reference = referenceOf(KIND_OF[resource] ?? '', metadata.namespace ?? '', metadata.name)
  // There are always fewer hosts than machines of one image.
  return new Set(nodes().filter((node) => isUserAt(referenceAt(reference, node), reader)))
}

const isUserAt = (reference: string, reader: WishDeps['reader']): boolean =>
  [VMS_AT, DISKS_AT].some((index) => reader.byIndex(index, reference).length > 0)
