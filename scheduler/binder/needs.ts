// What a host needs beside an object to have it: all that the object refers to, as far as it is there.
import { type KubeObject, type NamespacedName, nameOf, toKey } from '../../lib/object.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import {
  carryingDiscovered,
  defaultStorageClass,
  type StorageClass,
  type VirtualDisk,
  type VirtualMachine,
  type VirtualMachineClass,
  type VirtualMachineOperation,
} from '../../schemas/index.ts'
import { DISKS, PRIORITY_CLASSES, SECRETS, STORAGE_CLASSES, VM_CLASSES } from '../../schemas/resources.ts'
import { OPERATIONS_BY_VM } from '../indexes.ts'

type Find = Pick<Reader, 'get' | 'list' | 'byIndex'>

/** These are done by the host; others by the scheduler. */
const OF_THE_HOST: readonly string[] = ['Start', 'Stop', 'Restart']
const ENDED: readonly string[] = ['Completed', 'Failed', 'Superseded']

export const hasEnded = ({ status }: VirtualMachineOperation): boolean => ENDED.includes(status?.phase ?? 'Pending')

/** Disks of the spec, those that there are. */
export function disksOf(vm: VirtualMachine, reader: Pick<Reader, 'get'>): readonly VirtualDisk[] {
  const namespace = vm.metadata.namespace ?? ''
  return (vm.spec.blockDeviceRefs ?? []).flatMap(({ kind, name = '' }) =>
    kind === 'VirtualDisk' ? (reader.get<VirtualDisk>(DISKS, { namespace, name }) ?? []) : [],
  )
}

/** The class that a disk asks for, or the default one. */
export function storageClassOf(disk: VirtualDisk, reader: Pick<Reader, 'get' | 'list'>): StorageClass | null {
  const name = disk.spec.persistentVolumeClaim?.storageClassName ?? ''
  if (name !== '') return reader.get<StorageClass>(STORAGE_CLASSES, { namespace: '', name })
  return defaultStorageClass(reader.list<StorageClass>(STORAGE_CLASSES))
}

/** Start, Stop and Restart of the machine that are not done. */
export function openOperations(
  vm: VirtualMachine,
  reader: Pick<Reader, 'byIndex'>,
): readonly VirtualMachineOperation[] {
  return reader
    .byIndex<VirtualMachineOperation>(OPERATIONS_BY_VM, toKey(nameOf(vm)))
    .filter((operation) => OF_THE_HOST.includes(operation.spec.type) && !hasEnded(operation))
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
}

/** Beside the machine itself: disks with their classes, its class, its Secrets, its operations. */
export function needsOfVm(vm: VirtualMachine, reader: Find): readonly KubeObject[] {
  const namespace = vm.metadata.namespace ?? ''
  const disks = disksOf(vm, reader)
  const { userDataRef, sysprepRef } = vm.spec.provisioning ?? {}
  const find = (resource: string, name: NamespacedName) => reader.get(resource, name) ?? []
  const classes = new Set(disks.flatMap((disk) => storageClassOf(disk, reader) ?? []))
  return [
    ...disks,
    ...classes,
    ...[vm.spec.priorityClassName ?? []].flat().flatMap((name) => find(PRIORITY_CLASSES, { namespace: '', name })),
    ...[reader.get<VirtualMachineClass>(VM_CLASSES, { namespace: '', name: vm.spec.virtualMachineClassName }) ?? []]
      .flat()
      .map(carryingDiscovered),
    ...[userDataRef, sysprepRef].flatMap((ref) =>
      ref === undefined ? [] : find(SECRETS, { namespace, name: ref.name }),
    ),
    ...openOperations(vm, reader),
  ]
}

export const needsOfDisk = (disk: VirtualDisk, reader: Find): readonly KubeObject[] =>
  [storageClassOf(disk, reader) ?? []].flat()
