// The priority of a virtual machine: by the class that it names, else by the class that is the default, else 0. Pure.
import type { PriorityClass, VirtualMachine } from '../../schemas/index.ts'

export interface Priority {
  readonly value: number
  /** False: it waits, and takes nobody's place. */
  readonly preempts: boolean
}

const NONE: Priority = { value: 0, preempts: true }

/** Of several defaults, which only a race of two writers makes, Kubernetes takes the lowest. */
export function defaultPriorityClass(classes: readonly PriorityClass[]): PriorityClass | null {
  const defaults = classes.filter(({ globalDefault }) => globalDefault === true)
  return defaults.toSorted((a, b) => a.value - b.value)[0] ?? null
}

/** A class that is not there (any more) counts as 0. */
export function priorityOf(vm: Pick<VirtualMachine, 'spec'>, classes: readonly PriorityClass[]): Priority {
  const { priorityClassName } = vm.spec
  const found =
    priorityClassName === undefined
      ? defaultPriorityClass(classes)
      : (classes.find(({ metadata }) => metadata.name === priorityClassName) ?? null)
  return found === null ? NONE : { value: found.value, preempts: found.preemptionPolicy !== 'Never' }
}
