// Changes of `blockDeviceRefs`: devices are known by kind and name, changes are told by position.
import { type ApplyAction, compareValues, type SpecChange, type SpecFragment } from './changes-values.ts'
import type { BlockDeviceRef } from './schema.ts'

const keyOf = ({ kind, name }: BlockDeviceRef): string => `${kind}/${name}`

/** Added, removed and moved devices, each at its own position. */
export function compareBlockDevices(current: SpecFragment, desired: SpecFragment): readonly SpecChange[] {
  const before = current.blockDeviceRefs ?? []
  const after = desired.blockDeviceRefs ?? []
  const action = hotplugAction(current, desired)
  if (before.length === 0 || after.length === 0) return compareValues('blockDeviceRefs', before, after, { action })

  const old = new Set(before.map(keyOf))
  const now = new Map(after.map((ref, index) => [keyOf(ref), { ref, index }]))
  const isAdded = (ref: BlockDeviceRef | undefined) => ref !== undefined && !old.has(keyOf(ref))
  const isRemoved = (ref: BlockDeviceRef | undefined) => ref !== undefined && !now.has(keyOf(ref))
  const membersChange = before.some(isRemoved) || after.some(isAdded)

  return Array.from({ length: Math.max(before.length, after.length) }, (_, index) => index).flatMap((index) => {
    const was = before[index]
    const is = after[index]
    const path = `blockDeviceRefs.${index}`
    if (isRemoved(was) && isAdded(is)) return [replace(path, was, is, 'Restart')]
    if (isAdded(is)) return [{ path, operation: 'add', desiredValue: is, action } as const]
    if (isRemoved(was)) return [{ path, operation: 'remove', currentValue: was, action } as const]
    const target = was && now.get(keyOf(was))
    if (!was || !target) return []
    // Devices that only move up because another one went are no change of their own.
    const moved = !membersChange && target.index !== index
    return moved || target.ref.bootOrder !== was.bootOrder ? [replace(path, was, moved ? is : target.ref, action)] : []
  })
}

const replace = (path: string, currentValue: unknown, desiredValue: unknown, action: ApplyAction): SpecChange => ({
  path,
  operation: 'replace',
  currentValue,
  desiredValue,
  action,
})

/** Only devices on the paravirtualized bus come and go while the guest runs. */
const hotplugAction = (current: SpecFragment, desired: SpecFragment): ApplyAction =>
  current.enableParavirtualization === false || desired.enableParavirtualization === false
    ? 'Restart'
    : 'ApplyImmediate'
