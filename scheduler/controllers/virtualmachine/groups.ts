// Machines that are placed together or not at all: they name their group and its size in annotations.
import type { VirtualMachine } from '../../../schemas/index.ts'

export const GROUP_ANNOTATION = 'berth/placement-group'
export const GROUP_SIZE_ANNOTATION = 'berth/placement-group-size'

export interface GroupOf {
  readonly namespace: string
  readonly name: string
  /** So many are to run before any of them is placed. */
  readonly size: number
}

/** Null for a machine that is in none; a size that is no number counts as 1. */
export function groupOf({ metadata }: VirtualMachine): GroupOf | null {
  const name = metadata.annotations?.[GROUP_ANNOTATION] ?? ''
  if (name === '') return null
  const text = metadata.annotations?.[GROUP_SIZE_ANNOTATION] ?? '1'
  const size = /^\d{1,4}$/.test(text) ? Math.max(1, Number(text)) : 1
  return { namespace: metadata.namespace ?? '', name, size }
}

/** Equal for machines of one group; null for a machine that is in none. */
export function groupKeyOf(vm: VirtualMachine): string | null {
  const group = groupOf(vm)
  return group === null ? null : `${group.namespace}/${group.name}`
}
