// Machines that wait for each other by required affinity, so that none of them can be first.
import { nameOf, toKey } from '../../../lib/object.ts'
import { type Cluster, ringOf, type VmFacts } from '../../../lib/placement/index.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import type { VirtualMachine } from '../../../schemas/index.ts'
import { VMS } from '../../../schemas/resources.ts'
import { factsOf } from '../../placement/facts.ts'
import type { PriorityOf } from '../../placement/priorities.ts'
import { GROUP_ANNOTATION } from './groups.ts'

export interface RingDeps {
  readonly reader: Reader
  readonly cluster: Cluster
  readonly priorityOf: PriorityOf
  /** Whether it still waits for a host. */
  readonly isPending: (vm: VirtualMachine) => boolean
}

/** So many of those that wait with required affinity are looked at: the work grows with the third power. */
const MOST = 16

/** Of one round. */
export class Rings {
  readonly #deps: RingDeps
  #waiting: ReadonlyMap<VmFacts, string> | null = null

  constructor(deps: RingDeps) {
    this.#deps = deps
  }

  /** Who waits for the machine as it waits for them, and what helps; empty when nobody does. */
  words(vm: VmFacts): string {
    this.#waiting ??= this.#look()
    const waiting = this.#waiting
    const others = [...waiting.keys()].filter(({ uid }) => uid !== vm.uid)
    const ring = ringOf(this.#deps.cluster, vm, others).map((each) => waiting.get(each))
    if (ring.length === 0) return ''
    return `; it and ${ring.join(', ')} wait for each other: machines with one ${GROUP_ANNOTATION} are placed together`
  }

  #look(): ReadonlyMap<VmFacts, string> {
    const { reader, priorityOf, isPending } = this.#deps
    const found = new Map<VmFacts, string>()
    for (const vm of reader.list<VirtualMachine>(VMS)) {
      if (found.size === MOST) break
      if (wantsNeighbours(vm) && isPending(vm)) found.set(factsOf(vm, reader, priorityOf(vm)), toKey(nameOf(vm)))
    }
    return found
  }
}

const wantsNeighbours = ({ spec }: VirtualMachine): boolean =>
  (spec.affinity?.virtualMachineAndPodAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).length > 0
