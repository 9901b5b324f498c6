// What the scheduler's cache must find quickly.
import type { KubeObject } from '../lib/object.ts'
import type { IndexFunction } from '../lib/reconcile/cache.ts'
import {
  type ClusterDiskStatus,
  type ClusterImageStatus,
  type ClusterVmStatus,
  clusterStatusOf,
  openMigration,
  type VirtualDisk,
  type VirtualImage,
  type VirtualMachine,
  type VirtualMachineOperation,
} from '../schemas/index.ts'
import {
  CLUSTER_IMAGES,
  CONFIG_MAPS,
  DISKS,
  EVENTS,
  IMAGES,
  NODES,
  SECRETS,
  VM_CLASSES,
  VM_OPERATIONS,
  VMS,
} from '../schemas/resources.ts'

/** Objects of which hosts have copies. */
export const SHARED = [VMS, DISKS, IMAGES, CLUSTER_IMAGES, VM_OPERATIONS] as const

/** Resources that bindings are about. */
export const BOUND_RESOURCES = [VMS, DISKS, IMAGES, CLUSTER_IMAGES] as const

export const byUid = (resource: string): string => `${resource}/uid`
/** `Kind/namespace/name` -> VMs and disks that refer to it. */
export const VMS_BY_REFERENCE = `${VMS}/reference`
export const DISKS_BY_REFERENCE = `${DISKS}/reference`
/** `namespace/name` of the VM -> its operations. */
export const OPERATIONS_BY_VM = `${VM_OPERATIONS}/vm`

const uidOf: IndexFunction = ({ metadata }) => [metadata.uid]

/** One name for an object that others refer to. */
export const referenceOf = (kind: string, namespace: string, name: string): string => `${kind}/${namespace}/${name}`

/** What a VM cannot be without, by reference. */
export function vmReferences(object: KubeObject): readonly string[] {
  const { metadata, spec } = object as VirtualMachine
  const namespace = metadata.namespace ?? ''
  const { userDataRef, sysprepRef } = spec.provisioning ?? {}
  return [
    referenceOf('VirtualMachineClass', '', spec.virtualMachineClassName),
    ...(spec.blockDeviceRefs ?? []).map(({ kind = '', name = '' }) =>
      referenceOf(kind, kind === 'ClusterVirtualImage' ? '' : namespace, name),
    ),
    ...[userDataRef, sysprepRef].flatMap((ref) =>
      ref === undefined ? [] : [referenceOf('Secret', namespace, ref.name)],
    ),
  ]
}

/** What a disk, or an image, is made of, by reference. */
export function sourceReferences(object: KubeObject): readonly string[] {
  const { metadata, spec } = object as VirtualDisk | VirtualImage
  const { objectRef } = (spec as VirtualDisk['spec']).dataSource ?? {}
  if (objectRef === undefined) return []
  const namespace = objectRef.kind === 'ClusterVirtualImage' ? '' : (metadata.namespace ?? '')
  return [referenceOf(objectRef.kind, namespace, objectRef.name)]
}

export const operationVmKey = ({ metadata, spec }: VirtualMachineOperation): string =>
  `${metadata.namespace}/${spec.virtualMachineName}`

/** Hosts that an object is meant for, or may still be on. */
export const byPlace = (resource: string): string => `${resource}/placement`

export const placesOf: IndexFunction = (object) => {
  const {
    placement,
    migration,
    leaving = [],
    nodes = [],
  } = clusterStatusOf<ClusterVmStatus & ClusterImageStatus>(object)
  const all = [
    ...[placement?.node, migration?.to].flatMap((node) => node ?? []),
    ...leaving.map(({ node }) => node),
    ...nodes,
  ]
  return [...new Set(all)]
}

/** `Kind/namespace/name` at a host -> VMs and disks there that refer to it: one image may have very many of them. */
export const VMS_AT = `${VMS}/reference-at`
export const DISKS_AT = `${DISKS}/reference-at`
export const referenceAt = (reference: string, node: string): string => `${reference}|${node}`

const at =
  (referencesOf: (object: KubeObject) => readonly string[]): IndexFunction =>
  (object) => {
    const places = placesOf(object)
    return places.length === 0
      ? []
      : referencesOf(object).flatMap((reference) => places.map((node) => referenceAt(reference, node)))
  }

/** Disks that were given to no host yet, all under one value. */
export const UNPLACED_DISKS = `${DISKS}/unplaced`
export const UNPLACED = 'unplaced'

/** Machines that are on their way to another host, all under one value. */
export const MOVING_VMS = `${VMS}/moving`
export const MOVING = 'moving'

/** Uid of a machine -> those that are stopped to make room for it. */
export const VICTIMS_OF = `${VMS}/victims-of`

export const CLUSTER_INDEXES: Readonly<Record<string, IndexFunction>> = {
  ...Object.fromEntries(SHARED.map((resource) => [byUid(resource), uidOf])),
  ...Object.fromEntries(BOUND_RESOURCES.map((resource) => [byPlace(resource), placesOf])),
  [VMS_BY_REFERENCE]: vmReferences,
  [DISKS_BY_REFERENCE]: sourceReferences,
  [VMS_AT]: at(vmReferences),
  [DISKS_AT]: at(sourceReferences),
  [UNPLACED_DISKS]: (object) => (clusterStatusOf<ClusterDiskStatus>(object).placement === undefined ? [UNPLACED] : []),
  [MOVING_VMS]: (object) => (openMigration(clusterStatusOf<ClusterVmStatus>(object)) === null ? [] : [MOVING]),
  [VICTIMS_OF]: (object) => {
    const { eviction } = clusterStatusOf<ClusterVmStatus>(object)
    return eviction === undefined ? [] : [eviction.for]
  },
  [OPERATIONS_BY_VM]: (object) => [operationVmKey(object as VirtualMachineOperation)],
}

/** Kind in references, by resource. */
export const KIND_OF: Readonly<Record<string, string>> = {
  [VMS]: 'VirtualMachine',
  [DISKS]: 'VirtualDisk',
  [IMAGES]: 'VirtualImage',
  [CLUSTER_IMAGES]: 'ClusterVirtualImage',
  [VM_CLASSES]: 'VirtualMachineClass',
  [SECRETS]: 'Secret',
  [CONFIG_MAPS]: 'ConfigMap',
  [NODES]: 'Node',
  [EVENTS]: 'Event',
}
