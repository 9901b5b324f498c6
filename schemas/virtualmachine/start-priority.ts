// The annotation `berth/start-priority` of a VirtualMachine: which of those that wait for their start goes first.
import type { FieldError } from '../../lib/errors.ts'
import { invalid, when } from '../errors.ts'
import type { VirtualMachine } from './schema.ts'

export const START_PRIORITY = 'berth/start-priority'
const RANGE = 1_000

const priorityText = ({ metadata }: Pick<VirtualMachine, 'metadata'>): string | undefined =>
  metadata.annotations?.[START_PRIORITY]

/** Higher first: the annotation, from -1,000 to 1,000; without it, and for one that came past the rules, the priority of its class. */
export function startPriority(vm: Pick<VirtualMachine, 'metadata'>, ofClass = 0): number {
  const value = priorityText(vm)
  return value !== undefined && isPriority(value) ? Number(value) : ofClass
}

const isPriority = (value: string): boolean => /^-?\d{1,4}$/.test(value) && Math.abs(Number(value)) <= RANGE

/** What is wrong with it. No rule of the kind: those are not held against a change of metadata alone. */
export const startPriorityErrors = (vm: VirtualMachine): readonly FieldError[] => {
  const value = priorityText(vm)
  return when(value !== undefined && !isPriority(value), () =>
    invalid(
      `metadata.annotations[${START_PRIORITY}]`,
      `"${value?.slice(0, 40)}" is no whole number from -${RANGE} to ${RANGE}`,
    ),
  )
}
