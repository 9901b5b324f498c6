// The disks and images that a running domain has, and the block devices of the spec that it is made of by now. Pure.
import { diskOfAlias, type ObservedDisk } from '../../../lib/domain/index.ts'
import type { BlockDeviceRef, KnownDevice } from './block-devices.ts'

export interface LiveDevice extends KnownDevice {
  readonly alias: string
  readonly target: string
  /** Absent: the firmware tries it after those with one. */
  readonly bootOrder?: number
  /** Attached while the VM ran. */
  readonly hotplugged: boolean
}

/** What a block device is known by within a VM. */
export const keyOf = ({ kind, name }: Pick<BlockDeviceRef, 'kind' | 'name'>): string => `${kind}/${name}`

/** uids of all disks and images of ours among the domain's disks. */
export const attachedUids = (disks: readonly ObservedDisk[]): readonly string[] =>
  disks.flatMap(({ alias }) => diskOfAlias(alias)?.uid ?? [])

/**
 * By alias, never by path: two images with the same content are one file. A device whose object is gone is not among them, and
 * so is left alone.
 */
export function liveDevices(disks: readonly ObservedDisk[], known: readonly KnownDevice[]): readonly LiveDevice[] {
  return disks.flatMap(({ alias, target, bootOrder }) => {
    const said = diskOfAlias(alias)
    const device = known.find(({ uid }) => uid === said?.uid)
    if (said === null || alias === undefined || device === undefined) return []
    return [
      { ...device, alias, target, hotplugged: said.hotplugged, ...(bootOrder === undefined ? {} : { bootOrder }) },
    ]
  })
}

/**
 * The block devices that the domain is made of: what it has of the spec in the spec's order, and what it has besides at the
 * place where it was applied.
 */
export function currentRefs(
  applied: readonly BlockDeviceRef[],
  wanted: readonly BlockDeviceRef[],
  live: readonly LiveDevice[],
): readonly BlockDeviceRef[] {
  const has = new Set(live.map(keyOf))
  const refs = wanted.filter((ref) => has.has(keyOf(ref)))
  const leftovers = live.filter((device) => !refs.some((ref) => keyOf(ref) === keyOf(device)))
  const placed = new Set<string>()
  applied.forEach((ref, index) => {
    if (!leftovers.some((device) => keyOf(device) === keyOf(ref))) return
    refs.splice(index, 0, ref)
    placed.add(keyOf(ref))
  })
  // Attached by an agent that was killed before it could write that down.
  const unrecorded = leftovers.filter((device) => !placed.has(keyOf(device)))
  return [...refs, ...unrecorded.map(({ kind, name }) => ({ kind, name }))]
}
