// What hosts have of a scheduler -> the objects of that scheduler, and in words what they do not tell. Pure.
import type { KubeObject } from '../../lib/object.ts'
import {
  type ClusterDiskStatus,
  type ClusterVmStatus,
  carriedBy,
  type DiscoveredCpu,
  type HostBinding,
  type Node,
  type Placement,
  type VirtualMachineClass,
} from '../../schemas/index.ts'
import {
  CLUSTER_IMAGES,
  CONFIG_MAPS,
  DISKS,
  IMAGES,
  SECRETS,
  STORAGE_CLASSES,
  VM_CLASSES,
  VM_OPERATIONS,
  VMS,
} from '../../schemas/resources.ts'

/** What one host answered. */
export interface HostFinds {
  readonly node: string
  readonly url: string
  /** The host's own Node. */
  readonly object: Node | null
  readonly bindings: readonly HostBinding[]
  /** The host's copies of machines, by uid: with what it remembers of them. */
  readonly machines: ReadonlyMap<string, KubeObject>
}

export interface Recreated {
  readonly resource: string
  readonly object: KubeObject
  /** What the scheduler remembers of it. */
  readonly berth: ClusterVmStatus | ClusterDiskStatus | null
  /** Of a class: the CPU that its machines were started with. Of which hosts it was made is not known any more. */
  readonly discovered?: DiscoveredCpu
}

export interface RebuildPlan {
  /** What others refer to comes first. */
  readonly objects: readonly Recreated[]
  /** Names of namespaces that they are in. */
  readonly namespaces: readonly string[]
  /** The newest revision of a scheduler's store that a host was told of. */
  readonly revision: bigint
  /** What is not recovered, and why. */
  readonly lost: readonly string[]
}

/** GroupResource text by kind, in the order in which they are made. */
const RESOURCES: Readonly<Record<string, string>> = {
  VirtualMachineClass: VM_CLASSES,
  StorageClass: STORAGE_CLASSES,
  Secret: SECRETS,
  ConfigMap: CONFIG_MAPS,
  ClusterVirtualImage: CLUSTER_IMAGES,
  VirtualImage: IMAGES,
  VirtualDisk: DISKS,
  VirtualMachine: VMS,
  VirtualMachineOperation: VM_OPERATIONS,
}
const ORDER = Object.values(RESOURCES)
/** These have a binding each: what comes along with another's is a copy that may be older. */
const SUBJECTS: readonly string[] = [CLUSTER_IMAGES, IMAGES, DISKS, VMS]
const IN_DOUBT: readonly string[] = ['Preparing', 'Prepared', 'Transferring', 'Finishing']

interface Held {
  readonly node: string
  readonly binding: HostBinding
}

export function planRebuild(hosts: readonly HostFinds[], nowText: string): RebuildPlan {
  const held = new Map<string, Held[]>()
  for (const { node, bindings } of hosts)
    for (const binding of bindings) {
      const { uid } = binding.spec.subject
      held.set(uid, [...(held.get(uid) ?? []), { node, binding }])
    }
  const lost: string[] = []
  const found = new Map<string, Recreated>()
  for (const [uid, all] of held) {
    const outcome = subject(uid, all, hosts, nowText)
    if (typeof outcome === 'string') lost.push(outcome)
    else if (outcome !== null) found.set(uid, outcome)
  }
  for (const { binding } of [...held.values()].flat().sort(byAge))
    for (const object of (binding.objects ?? []).slice(1)) {
      const resource = RESOURCES[object.kind]
      if (resource === undefined || SUBJECTS.includes(resource) || found.has(object.metadata.uid)) continue
      const discovered = resource === VM_CLASSES ? carriedBy(object as VirtualMachineClass) : null
      found.set(object.metadata.uid, { resource, object, berth: null, ...(discovered === null ? {} : { discovered }) })
    }
  const objects = [...found.values()].sort((a, b) => ORDER.indexOf(a.resource) - ORDER.indexOf(b.resource))
  const revisions = [...held.values()].flat().map(({ binding }) => BigInt(binding.spec.ruler.revision))
  return {
    objects,
    namespaces: [...new Set(objects.flatMap(({ object }) => object.metadata.namespace ?? []))].sort(),
    revision: revisions.reduce((most, each) => (each > most ? each : most), 0n),
    lost,
  }
}

/** The newest first: what it says of a Secret or a class is the last that was said. */
const byAge = (a: Held, b: Held): number =>
  BigInt(a.binding.spec.ruler.revision) < BigInt(b.binding.spec.ruler.revision) ? 1 : -1

/** The object; words when nothing can be decided about it; null when it is gone everywhere. */
function subject(
  uid: string,
  all: readonly Held[],
  hosts: readonly HostFinds[],
  now: string,
): Recreated | string | null {
  const present = all.filter(({ binding }) => binding.status?.phase !== 'Released' && binding.spec.role !== 'Released')
  const [newest] = [...present].sort((a, b) => b.binding.spec.epoch - a.binding.spec.epoch)
  if (newest === undefined) return null
  const { resource, namespace = '', name } = newest.binding.spec.subject
  const title = `${resource.split('.')[0]} ${namespace === '' ? name : `${namespace}/${name}`}`
  if (newest.binding.spec.deleted === true) return `${title}: it was being deleted on ${newest.node}; its name is free`
  const object = newest.binding.objects?.find(({ metadata }) => metadata.uid === uid)
  if (object === undefined) return `${title}: ${newest.node} has a binding without the object`
  const moving = present.find(({ binding }) => IN_DOUBT.includes(binding.status?.migration?.phase ?? ''))
  if (moving !== undefined)
    return `${title}: it is moving (${moving.node}: ${moving.binding.status?.migration?.phase}). Its hosts end that by themselves: run --rebuild --missing again then`
  if (resource === IMAGES || resource === CLUSTER_IMAGES)
    return { resource, object, berth: { nodes: present.map(({ node }) => node) } as ClusterDiskStatus }
  const owner = ownerOf(present)
  if (owner === null)
    return `${title}: ${present.map(({ node }) => node).join(', ')} were the target of a move, and no host is its owner`
  const placement: Placement = { node: owner.node, epoch: owner.binding.spec.epoch, since: now }
  const leaving = present
    .filter(({ node }) => node !== owner.node)
    .map(({ node, binding }): Placement => ({ node, epoch: binding.spec.epoch, since: now }))
  const epoch = Math.max(...all.map(({ binding }) => Math.max(binding.spec.epoch, binding.status?.epoch ?? 0)))
  const copy = hosts.find(({ node }) => node === owner.node)?.machines.get(uid)
  const host = (copy?.status as { readonly berth?: Readonly<Record<string, unknown>> } | undefined)?.berth
  return {
    resource,
    object,
    berth: {
      placement,
      epoch,
      ...(leaving.length === 0 ? {} : { leaving }),
      ...(resource === VMS && host !== undefined ? { host } : {}),
    },
  }
}

/** Who has it by the highest epoch: an owner, or the target of a move that has committed. */
function ownerOf(present: readonly Held[]): Held | null {
  const committed = (held: Held) => {
    const { role } = held.binding.spec
    const phase = held.binding.status?.migration?.phase
    return role === 'Owner' || (role === 'Target' && (phase === 'Committed' || phase === 'Cleaned'))
  }
  const owners = present.filter(committed).sort((a, b) => b.binding.spec.epoch - a.binding.spec.epoch)
  return owners[0] ?? null
}

/** What no host knows, whatever happens. */
export const NEVER_TOLD = [
  'machines, disks and images that no host was given',
  'labels, taints and cordons of nodes, and PriorityClasses',
  'tokens, roles and their bindings; Secrets and ConfigMaps that no machine on a host names',
  'operations that have ended, and events',
]
