// Which changes wake the controllers of disks and images.
import { type KubeObject, nameOf, toKey } from '../../../lib/object.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { itself, type KeySink, type KeysOf, on, referredBy, whenDiffers } from '../../../lib/reconcile/sources.ts'
import type { Change } from '../../../lib/store/store.ts'
import type { HostBinding, VirtualDisk, VirtualMachine } from '../../../schemas/index.ts'
import { CLUSTER_IMAGES, DISKS, HOST_BINDINGS, IMAGES, STORAGE_CLASSES, VMS } from '../../names.ts'
import { DISKS_BY_IMAGE, deviceKeyOf, imageOf, usedDevices } from './users.ts'

const keyOfObject = (object: KubeObject): string => toKey(nameOf(object))

/** Queue keys of those device keys that are of `kind`. */
const ofKind = (kind: string, deviceKeys: readonly string[]): string[] =>
  deviceKeys.flatMap((key) => (key.startsWith(`${kind}/`) ? [key.slice(kind.length + 1)] : []))

const usedByVm = (kind: string) => referredBy((vm) => ofKind(kind, usedDevices(vm as VirtualMachine)))

/** A VM's change matters when it is about its devices or whether it is on. */
function touchesDevices(change: Change): boolean {
  if (change.type === 'delete' || change.previous === null) return true
  const [before, after] = [change.previous as VirtualMachine, change.entry.value as VirtualMachine]
  return (
    before.status?.phase !== after.status?.phase ||
    before.metadata.generation !== after.metadata.generation ||
    before.metadata.uid !== after.metadata.uid ||
    attached(before) !== attached(after)
  )
}

const attached = (vm: VirtualMachine): string =>
  (vm.status?.blockDeviceRefs ?? [])
    .map(({ kind, name, attached: is, target = '' }) => `${kind}/${name}/${is}/${target}`)
    .join()

/** All but how far an import is, and how fast. */
function butProgress({ metadata, status, ...rest }: KubeObject): readonly unknown[] {
  const { resourceVersion: _, managedFields: __, ...about } = metadata
  const { progress: ___, downloadSpeed: ____, ...said } = (status ?? {}) as Readonly<Record<string, unknown>>
  return [rest, about, said]
}

/** Progress is told anew whenever somebody looks. Who looks because it was told would look again at once, for as long as an import lasts. */
const news = (keysOf: KeysOf): KeysOf => whenDiffers(butProgress, keysOf)

/** A disk waits for its image and its storage class, and shows the VMs that have it. */
export function wireDisks(reader: Reader, sink: KeySink): void {
  const madeFrom = (image: KubeObject) => reader.byIndex(DISKS_BY_IMAGE, deviceKeyOf(image)).map(keyOfObject)
  const vms = usedByVm('VirtualDisk')
  on(reader, DISKS, news(itself), sink)
  on(reader, IMAGES, news(referredBy(madeFrom)), sink)
  on(reader, CLUSTER_IMAGES, news(referredBy(madeFrom)), sink)
  on(reader, STORAGE_CLASSES, () => waitingDisks(reader), sink)
  on(reader, HOST_BINDINGS, boundTo(DISKS), sink)
  on(reader, VMS, (change) => (touchesDevices(change) ? vms(change) : []), sink)
}

/** What a scheduler says of an object here. */
const boundTo = (resource: string) =>
  referredBy((binding) => {
    const { subject } = (binding as HostBinding).spec
    const { namespace = '', name } = subject
    return subject.resource === resource ? [toKey({ namespace, name })] : []
  })

/** Those that a storage class can help. */
const waitingDisks = (reader: Reader): readonly string[] =>
  reader.list<VirtualDisk>(DISKS).flatMap((disk) => (disk.status?.phase === 'Ready' ? [] : [keyOfObject(disk)]))

/** An image looks again when a disk made from it or a VM that has it comes or goes. */
export function wireImages(reader: Reader, kind: 'VirtualImage' | 'ClusterVirtualImage', sink: KeySink): void {
  const vms = usedByVm(kind)
  const resource = kind === 'VirtualImage' ? IMAGES : CLUSTER_IMAGES
  on(reader, resource, news(itself), sink)
  on(reader, HOST_BINDINGS, boundTo(resource), sink)
  on(reader, DISKS, news(referredBy((disk) => ofKind(kind, [imageOf(disk as VirtualDisk) ?? '']))), sink)
  on(reader, VMS, (change) => (touchesDevices(change) ? vms(change) : []), sink)
}

export function wireStorageClasses(reader: Reader, sink: KeySink): void {
  on(reader, STORAGE_CLASSES, itself, sink)
}
