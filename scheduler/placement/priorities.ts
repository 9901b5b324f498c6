// Which machines go before others: by their PriorityClass.
import { priorityOf } from '../../lib/placement/priority.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { PriorityClass, VirtualMachine } from '../../schemas/index.ts'
import { PRIORITY_CLASSES } from '../../schemas/resources.ts'
import { startPriority } from '../../schemas/virtualmachine/start-priority.ts'
import type { Priority } from './facts.ts'

export type PriorityOf = (vm: VirtualMachine) => Priority

export const prioritiesBy =
  (reader: Pick<Reader, 'list'>): PriorityOf =>
  (vm) => {
    const { value: priority, preempts } = priorityOf(vm, reader.list<PriorityClass>(PRIORITY_CLASSES))
    return { priority, preempts }
  }

export interface Waiting {
  readonly vm: VirtualMachine
  readonly priority: number
}

/** Who is placed before whom: by priority, then by the annotation `berth/start-priority`, then who was there first. */
export function before(a: Waiting, b: Waiting): number {
  return b.priority - a.priority || startPriority(b.vm) - startPriority(a.vm) || earlier(a.vm, b.vm)
}

const textOf = ({ metadata }: VirtualMachine): string =>
  `${metadata.creationTimestamp}/${metadata.namespace}/${metadata.name}`

const earlier = (a: VirtualMachine, b: VirtualMachine): number => (textOf(a) < textOf(b) ? -1 : 1)
