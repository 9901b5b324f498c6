// What each host is told of an object, whole: its role (roles.ts), and the objects that it needs for it. Pure.
import type { KubeObject } from '../../lib/object.ts'
import {
  type ClusterDiskStatus,
  type ClusterImageStatus,
  type ClusterVmStatus,
  clusterStatusOf,
  type HostBinding,
  type HostBindingSpec,
  lastEpoch,
  type MigrationRecord,
  type VirtualDisk,
  type VirtualMachine,
} from '../../schemas/index.ts'
import { copyOf } from './copies.ts'
import { obeyed } from './newer.ts'
import { type HostRole, heldRoles, machineRoles, type UrlOf } from './roles.ts'

/** A binding but for who signs it. */
export interface Wish {
  readonly spec: Omit<HostBindingSpec, 'ruler'>
  readonly objects: readonly KubeObject[]
}

/** By node. `wait`: what is there stays as it is until something else has happened. */
export type Wishes = ReadonlyMap<string, Wish | 'wait'>

export interface Facts {
  readonly resource: string
  /** What hosts have of it now, by node. */
  readonly holders: ReadonlyMap<string, HostBinding>
  /** What it refers to. */
  readonly needs: readonly KubeObject[]
}

export interface VmFacts extends Facts {
  readonly urlOf: UrlOf
  /** It may be started elsewhere when its host is lost: all its disks are shared. */
  readonly failover: boolean
  /** It is to run. */
  readonly wanted: boolean
}

export interface DiskFacts extends Facts {
  /** Of its machine: the disk's file stays where it is until the machine has arrived. */
  readonly migration: MigrationRecord | null
}

export interface ImageFacts extends Facts {
  /** Hosts with machines or disks that are made of it. */
  readonly users: ReadonlySet<string>
  /** Where the content can be had by the host; absent: from the image's own source. */
  readonly imageFor: (node: string) => HostBindingSpec['image'] | 'wait' | undefined
}

export function vmWishes(vm: VirtualMachine, facts: VmFacts): Wishes {
  const status = clusterStatusOf<ClusterVmStatus>(vm)
  const { placement, eviction, host } = status
  // It is to run again, and whether there still is room has not been decided.
  const undecided = placement?.idle === true && facts.wanted && !isDeleted(vm)
  const asked = eviction === undefined ? vm : stopped(vm)
  const roles = machineRoles(status, facts.urlOf)
  const wishes = wishesOf(vm, facts, {
    roles,
    subject: asked,
    highest: lastEpoch(status),
    known: host && { berth: { host } },
  })
  return undecided ? new Map(wishes).set(placement.node, 'wait') : wishes
}

export function diskWishes(disk: VirtualDisk, facts: DiskFacts): Wishes {
  const status = clusterStatusOf<ClusterDiskStatus>(disk)
  const { berth: _, ...known } = (disk.status ?? {}) as Readonly<Record<string, unknown>>
  return wishesOf(disk, facts, {
    roles: heldRoles(status, facts.migration),
    subject: disk,
    highest: lastEpoch(status),
    known: Object.keys(known).length === 0 ? undefined : known,
  })
}

/** Any number of hosts may have an image; the epoch only tells an earlier copy on the same host from a later one. */
export function imageWishes(image: KubeObject, facts: ImageFacts): Wishes {
  const { nodes = [] } = clusterStatusOf<ClusterImageStatus>(image)
  // A host keeps it until it is deleted: disks there read through it.
  const having = [...facts.holders].flatMap(([node, { spec }]) => (spec.role === 'Owner' ? [node] : []))
  const roles = [...new Set([...nodes, ...facts.users, ...having])].flatMap((node): HostRole[] => {
    const known = facts.holders.get(node)?.spec
    const isNew = known === undefined || known.role === 'Released'
    // One that is being deleted comes to no further host.
    if (isDeleted(image) && isNew) return []
    return [{ node, role: 'Owner', epoch: (known?.epoch ?? 0) + (isNew ? 1 : 0) }]
  })
  const wishes = wishesOf(image, facts, { roles, subject: image, highest: null, known: undefined })
  return new Map([...wishes].map(([node, wish]) => [node, wish === 'wait' ? wish : withContent(wish, facts, node)]))
}

function withContent(wish: Wish, { imageFor }: ImageFacts, node: string): Wish | 'wait' {
  // One that is being deleted needs no content.
  const image = wish.spec.role === 'Owner' && wish.spec.deleted !== true ? imageFor(node) : undefined
  if (image === 'wait') return 'wait'
  return image === undefined ? wish : { ...wish, spec: { ...wish.spec, image } }
}

interface Asked {
  readonly roles: readonly HostRole[]
  /** The object as it is asked for. */
  readonly subject: KubeObject
  /** The highest that this store gave any host; null where each host counts for itself. */
  readonly highest: number | null
  /** What its last host knew of it: goes along once, from then on the host itself knows better. */
  readonly known: unknown
}

function wishesOf(object: KubeObject, facts: Facts, { roles, subject, highest, known }: Asked): Wishes {
  const { namespace = '', name, uid } = object.metadata
  const named = { resource: facts.resource, namespace, name, uid }
  // Somebody has decided about it since this store was written: it says nothing to anybody, and takes it from nobody.
  const newest = Math.max(0, ...[...facts.holders.values()].map(obeyed))
  if (highest !== null && newest > highest)
    return new Map([...roles.map(({ node }) => node), ...facts.holders.keys()].map((node) => [node, 'wait'] as const))
  const wishes = new Map<string, Wish>()
  for (const { node, role, epoch, migration } of roles) {
    const isNew = (facts.holders.get(node)?.spec.epoch ?? 0) < epoch
    const leaves = role === 'Released'
    wishes.set(node, {
      spec: {
        subject: named,
        epoch,
        role,
        ...(role === 'Owner' && isDeleted(object) ? { deleted: true } : {}),
        ...(role === 'Owner' && 'failover' in facts && facts.failover === true ? { failover: true } : {}),
        ...(migration === undefined ? {} : { migration }),
      },
      objects: leaves ? [] : [copyOf(subject, isNew ? known : undefined), ...facts.needs.map((need) => copyOf(need))],
    })
  }
  // Whoever has it otherwise has it no more: a host that was given up before it answered.
  for (const [node, { spec }] of facts.holders)
    if (!wishes.has(node))
      wishes.set(node, {
        spec: { subject: named, epoch: Math.max(highest ?? 0, spec.epoch), role: 'Released' },
        objects: [],
      })
  return wishes
}

const isDeleted = ({ metadata }: KubeObject): boolean => metadata.deletionTimestamp !== undefined

/** A machine that has to make room is stopped like every other: by its grace period. */
const stopped = (vm: VirtualMachine): VirtualMachine => ({ ...vm, spec: { ...vm.spec, runPolicy: 'AlwaysOff' } })
