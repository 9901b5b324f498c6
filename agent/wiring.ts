// Which change wakes which controller. The only place that knows the references between kinds.
import { getCondition } from '../lib/conditions.ts'
import { type KubeObject, nameOf, toKey } from '../lib/object.ts'
import type { IndexFunction } from '../lib/reconcile/cache.ts'
import type { Reader } from '../lib/reconcile/reader.ts'
import { itself, type KeySink, type KeysOf, on, referredBy, whenDiffers } from '../lib/reconcile/sources.ts'
import { keyOf } from '../lib/store/change.ts'
import type { Change } from '../lib/store/store.ts'
import {
  type ClusterVirtualImage,
  discoveredOf,
  type HostBinding,
  type VirtualDisk,
  type VirtualImage,
  type VirtualMachine,
  type VirtualMachineClass,
  type VirtualMachineOperation,
} from '../schemas/index.ts'
import { berthOf } from './controllers/virtualmachine/status.ts'
import { VMS_BY_CLASS } from './controllers/virtualmachineclass/controller.ts'
import { OPERATIONS_BY_VM, operationVmKey } from './controllers/virtualmachineoperation/controller.ts'
import {
  CLUSTER_IMAGES,
  DISKS,
  HOST_BINDINGS,
  IMAGES,
  NODES,
  SECRETS,
  VM_CLASSES,
  VM_OPERATIONS,
  VMS,
} from './names.ts'
import { macAddress } from './network/mac.ts'

export const VMS_BY_UID = `${VMS}/uid`
export const VMS_BY_MAC = `${VMS}/mac`
export const VMS_BY_DEVICE = `${VMS}/device`
export const VMS_BY_SECRET = `${VMS}/secret`

const asVm = (object: KubeObject): VirtualMachine => object as VirtualMachine

/** `Kind/namespace/name` of what a block device refers to; cluster-scoped ones have no namespace. */
const deviceKey = (kind: string, namespace: string, name: string): string =>
  `${kind}/${kind === 'ClusterVirtualImage' ? '' : namespace}/${name}`

const deviceKeys = (vm: VirtualMachine): readonly string[] =>
  (vm.spec.blockDeviceRefs ?? []).map(({ kind = '', name = '' }) => deviceKey(kind, vm.metadata.namespace ?? '', name))

/** Those that a VM's domain has now or is about to get, by its status. */
const attachedKeys = (vm: VirtualMachine): readonly string[] =>
  (vm.status?.blockDeviceRefs ?? []).flatMap(({ kind, name, attached, target }) =>
    attached || target !== undefined ? [deviceKey(kind, vm.metadata.namespace ?? '', name)] : [],
  )

/** What the cache must find quickly. */
export const INDEXES: Readonly<Record<string, IndexFunction>> = {
  [VMS_BY_UID]: (object) => [object.metadata.uid],
  [VMS_BY_MAC]: (object) => [macAddress(object.metadata.uid, 0)],
  [VMS_BY_CLASS]: (object) => [asVm(object).spec.virtualMachineClassName],
  [VMS_BY_DEVICE]: (object) => deviceKeys(asVm(object)),
  [VMS_BY_SECRET]: (object) => {
    const name = asVm(object).spec.provisioning?.userDataRef?.name
    return name === undefined ? [] : [`${object.metadata.namespace}/${name}`]
  },
  [OPERATIONS_BY_VM]: (object) => [operationVmKey(object as VirtualMachineOperation)],
}

/** A VM's own status writes wake it only when an operation asked for something. */
export function needsLook(change: Change): boolean {
  if (change.type === 'delete' || change.previous === null) return true
  const [before, after] = [change.previous.metadata, change.entry.value.metadata]
  if (before.generation !== after.generation || before.deletionTimestamp !== after.deletionTimestamp) return true
  const request = (object: KubeObject) => berthOf(asVm(object).status).power.request?.id
  return request(change.previous) !== request(change.entry.value) && request(change.entry.value) !== undefined
}

const vmKeys = (reader: Reader, index: string, value: string): readonly string[] =>
  reader.byIndex(index, value).map((vm) => toKey(nameOf(vm)))

const holdersOf = (reader: Reader, kind: string): KeysOf =>
  whenDiffers(readiness, (change) => {
    const { namespace, name } = keyOf(change)
    return vmKeys(reader, VMS_BY_DEVICE, deviceKey(kind, namespace, name))
  })

/** What a VM reads of its disks and images. */
function readiness(object: KubeObject): readonly unknown[] {
  const { metadata, status } = object as VirtualDisk | VirtualImage | ClusterVirtualImage
  const size = status !== undefined && 'capacity' in status ? status.capacity : undefined
  return [metadata.deletionTimestamp === undefined, status?.phase, status?.progress, size]
}

/** VMs that wait while a disk is another's: woken when that one lets go of it. */
const heirsOf = (reader: Reader): KeysOf =>
  whenDiffers(
    (vm) => attachedKeys(asVm(vm)),
    ({ previous }) =>
      (previous === null ? [] : attachedKeys(asVm(previous)))
        .flatMap((device) => reader.byIndex<VirtualMachine>(VMS_BY_DEVICE, device))
        .filter((vm) => isWaiting(vm) || lacksDevices(vm))
        .map((vm) => toKey(nameOf(vm))),
  )

/** One that runs waits for disks and images as well. */
const lacksDevices = ({ status }: VirtualMachine): boolean =>
  getCondition(status?.conditions, 'BlockDevicesReady')?.status === 'False'

/** Counts the changes of what a class asks for, and what CPU was found for it. */
const generation = (object: KubeObject): readonly unknown[] => [
  object.metadata.generation,
  discoveredOf(object as VirtualMachineClass),
]

export function wireVirtualMachines(reader: Reader, sink: KeySink): void {
  on(reader, VMS, (change) => (needsLook(change) ? itself(change) : []), sink)
  on(reader, VMS, heirsOf(reader), sink)
  on(reader, DISKS, holdersOf(reader, 'VirtualDisk'), sink)
  on(reader, IMAGES, holdersOf(reader, 'VirtualImage'), sink)
  on(reader, CLUSTER_IMAGES, holdersOf(reader, 'ClusterVirtualImage'), sink)
  on(
    reader,
    VM_CLASSES,
    whenDiffers(
      generation,
      referredBy(({ metadata }) => vmKeys(reader, VMS_BY_CLASS, metadata.name)),
    ),
    sink,
  )
  on(
    reader,
    SECRETS,
    referredBy(({ metadata }) => vmKeys(reader, VMS_BY_SECRET, `${metadata.namespace}/${metadata.name}`)),
    sink,
  )
  on(reader, NODES, () => waitingVms(reader), sink)
  on(
    reader,
    HOST_BINDINGS,
    whenDiffers(wordOf, (change) => vmKeys(reader, VMS_BY_UID, keyOf(change).name)),
    sink,
  )
}

/** What of a binding decides about a start or an end. */
const wordOf = (object: KubeObject): readonly unknown[] => {
  const { spec, status } = object as HostBinding
  const { role, epoch, failover, migration } = spec
  const { id, phase, message, endTime } = status?.migration ?? {}
  return [role, epoch, failover, migration, status?.epoch, id, phase, message, endTime]
}

const isWaiting = ({ status }: VirtualMachine): boolean => status?.phase === 'Pending'

/** A scheduler's machines that wait: what it says in the lease may be what they wait for. */
export const waitingForLease = (reader: Reader): readonly string[] =>
  reader
    .list<HostBinding>(HOST_BINDINGS)
    .flatMap(({ metadata }) => reader.byIndex<VirtualMachine>(VMS_BY_UID, metadata.name))
    .filter(isWaiting)
    .map((vm) => toKey(nameOf(vm)))

/** Those that a change of the host can help: every VM that waits for its start. */
const waitingVms = (reader: Reader): readonly string[] =>
  reader
    .list<VirtualMachine>(VMS)
    .filter(isWaiting)
    .map((vm) => toKey(nameOf(vm)))

export function wireOperations(reader: Reader, sink: KeySink): void {
  const siblings = (vmKey: string) =>
    reader.byIndex(OPERATIONS_BY_VM, vmKey).map((operation) => toKey(nameOf(operation)))
  on(
    reader,
    VM_OPERATIONS,
    (change) => [
      ...itself(change),
      ...siblings(
        operationVmKey((change.type === 'put' ? change.entry.value : change.previous) as VirtualMachineOperation),
      ),
    ],
    sink,
  )
  on(
    reader,
    VMS,
    referredBy((vm) => siblings(toKey(nameOf(vm)))),
    sink,
  )
}

export function wireClasses(reader: Reader, sink: KeySink): void {
  on(reader, VM_CLASSES, itself, sink)
  on(
    reader,
    VMS,
    whenDiffers(
      (vm) => [asVm(vm).spec.virtualMachineClassName],
      referredBy((vm) => [toKey({ namespace: '', name: asVm(vm).spec.virtualMachineClassName })]),
    ),
    sink,
  )
  on(reader, NODES, () => reader.list(VM_CLASSES).map((vmClass) => toKey(nameOf(vmClass))), sink)
}
