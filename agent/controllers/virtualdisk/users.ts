// Who uses a disk or an image: virtual machines by their spec and by what they have, disks by their image.
import type { KubeObject } from '../../../lib/object.ts'
import type { IndexFunction } from '../../../lib/reconcile/cache.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import type { VirtualDisk, VirtualMachine } from '../../../schemas/index.ts'
import { DISKS, VMS } from '../../names.ts'

/** Reader's index: device key -> VMs that name it in their spec or have it in their status. */
export const VMS_BY_USED_DEVICE = `${VMS}/used-device`
/** Reader's index: device key of an image -> disks made from it. */
export const DISKS_BY_IMAGE = `${DISKS}/image`
/** Reader's index: storage class name -> disks that name it. */
export const DISKS_BY_CLASS = `${DISKS}/storage-class`

/** `Kind/namespace/name`; cluster-scoped ones have an empty namespace. */
export const deviceKey = (kind: string, namespace: string, name: string): string =>
  `${kind}/${kind === 'ClusterVirtualImage' ? '' : namespace}/${name}`

export const deviceKeyOf = ({ kind, metadata }: KubeObject): string =>
  deviceKey(kind, metadata.namespace ?? '', metadata.name)

/** Keys of all that a VM names or has. */
export function usedDevices(vm: VirtualMachine): readonly string[] {
  const refs = [...(vm.spec.blockDeviceRefs ?? []), ...(vm.status?.blockDeviceRefs ?? [])]
  return [...new Set(refs.map(({ kind = '', name = '' }) => deviceKey(kind, vm.metadata.namespace ?? '', name)))]
}

/** Key of the image that a disk is made from; null for other sources. */
export function imageOf(disk: VirtualDisk): string | null {
  const { type, objectRef } = disk.spec.dataSource ?? {}
  if (type !== 'ObjectRef' || objectRef === undefined) return null
  return deviceKey(objectRef.kind, disk.metadata.namespace ?? '', objectRef.name)
}

/** For the reader's construction. */
export const STORAGE_INDEXES: Readonly<Record<string, IndexFunction>> = {
  [VMS_BY_USED_DEVICE]: (object) => usedDevices(object as VirtualMachine),
  [DISKS_BY_IMAGE]: (object) => {
    const image = imageOf(object as VirtualDisk)
    return image === null ? [] : [image]
  },
  [DISKS_BY_CLASS]: (object) => [(object as VirtualDisk).spec.persistentVolumeClaim?.storageClassName ?? ''],
}

export interface VmUse {
  readonly namespace: string
  readonly name: string
  /** The spec names it. */
  readonly named: boolean
  /** The VM is on and has it. */
  readonly mounted: boolean
  /** The VM has it or is about to: it must stay. */
  readonly holds: boolean
}

/** Uses of a device by VMs, ordered by namespace and name. */
export const usesOf = (reader: Reader, key: string): readonly VmUse[] =>
  reader.byIndex<VirtualMachine>(VMS_BY_USED_DEVICE, key).map((vm) => useOf(vm, key))

export function useOf(vm: VirtualMachine, key: string): VmUse {
  const namespace = vm.metadata.namespace ?? ''
  const isIt = ({ kind = '', name = '' }: { readonly kind?: string | undefined; readonly name?: string | undefined }) =>
    deviceKey(kind, namespace, name) === key
  const phase = vm.status?.phase
  const named = (vm.spec.blockDeviceRefs ?? []).some(isIt)
  const entry = (vm.status?.blockDeviceRefs ?? []).find(isIt)
  const mounted = entry?.attached === true && phase !== 'Stopped'
  // A target without being attached: about to be attached while the VM runs.
  const coming = entry?.attached === false && entry.target !== undefined && phase !== 'Stopped'
  return {
    namespace,
    name: vm.metadata.name,
    named,
    mounted,
    holds: mounted || coming || (named && phase === 'Starting'),
  }
}

/** Names for a sentence: the first few, so that the text seldom changes. */
export function someOf(names: readonly string[], most = 3): string {
  const shown = names.slice(0, most).join(', ')
  return names.length > most ? `${shown} and others` : shown
}
