// `status.blockDeviceRefs` of a VM: what it has, and what it is to have. Pure.
import { formatBytes } from '../../../lib/quantity.ts'
import type { VirtualMachine } from '../../../schemas/index.ts'
import type { BlockDeviceRef, KnownDevice } from './block-devices.ts'
import { keyOf, type LiveDevice } from './live-devices.ts'

type Entry = NonNullable<NonNullable<VirtualMachine['status']>['blockDeviceRefs']>[number]

export interface DeviceStatusInputs {
  readonly wanted: readonly BlockDeviceRef[]
  readonly known: readonly KnownDevice[]
  readonly live: readonly LiveDevice[]
  /** uid -> place of devices that are about to be attached. */
  readonly coming: ReadonlyMap<string, string>
  readonly before: readonly Entry[]
}

/**
 * Those of the spec in its order, then those that the VM still has besides. Whoever owns a disk reads here that it must stay: while
 * it is attached, and from the moment that it has a `target`, which is stored before it is attached.
 */
export function deviceStatus(inputs: DeviceStatusInputs): readonly Entry[] {
  const { wanted, live } = inputs
  const named = new Set(wanted.map(keyOf))
  const besides = live.filter((device) => !named.has(keyOf(device))).map(({ kind, name }) => ({ kind, name }))
  return [...wanted, ...besides].map((ref) => entryOf(ref, inputs))
}

function entryOf(ref: BlockDeviceRef, { known, live, coming, before }: DeviceStatusInputs): Entry {
  const { kind, name, bootOrder } = ref
  const device = known.find((one) => keyOf(one) === keyOf(ref))
  const there = live.find((one) => keyOf(one) === keyOf(ref))
  const target = there?.target ?? (device === undefined ? undefined : coming.get(device.uid))
  const size =
    device?.sizeBytes == null ? before.find((one) => keyOf(one) === keyOf(ref))?.size : formatBytes(device.sizeBytes)
  return {
    kind: kind ?? 'VirtualDisk',
    name: name ?? '',
    size: size ?? '',
    attached: there !== undefined,
    ...(there?.hotplugged ? { hotplugged: true } : {}),
    ...(target === undefined ? {} : { target }),
    ...(bootOrder === undefined ? {} : { bootOrder }),
  }
}
