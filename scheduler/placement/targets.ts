// Where machines that run can go: the placement core asked for a move. Reserves nothing; the record of the move does, once it is stored.
import { type Ask, type Decision, decide, type VmFacts } from '../../lib/placement/index.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { type ClusterVmStatus, clusterStatusOf, type VirtualMachine } from '../../schemas/index.ts'
import { VMS } from '../../schemas/resources.ts'
import type { TargetChoice } from '../controllers/virtualmachineoperation/facts.ts'
import { byUid } from '../indexes.ts'
import { factsOf } from './facts.ts'
import type { PriorityOf } from './priorities.ts'
import type { PlacementState } from './state.ts'

export interface TargetsDeps {
  readonly reader: Reader
  readonly state: Pick<PlacementState, 'cluster'>
  readonly priorityOf: PriorityOf
  /** In words, why this store must not decide where the machine goes; null when it may. */
  readonly outdated: (vm: VirtualMachine) => string | null
}

export interface TargetWish {
  readonly nodeSelector?: Readonly<Record<string, string>>
  /** Nodes that are not wanted, each with why. */
  readonly not?: ReadonlyMap<string, string>
  /** Nodes that have not let go of what they had of the machine. */
  readonly leaving?: ReadonlySet<string>
}

export class Targets {
  readonly #deps: TargetsDeps

  constructor(deps: TargetsDeps) {
    this.#deps = deps
  }

  /** A machine as it is when it is to be moved: with the CPU and accelerator that it runs with. */
  factsOf(vm: VirtualMachine): VmFacts {
    const { reader, state, priorityOf } = this.#deps
    const node = clusterStatusOf<ClusterVmStatus>(vm).placement?.node
    const runsOn = node === undefined ? undefined : state.cluster.host(node)?.facts
    return factsOf(vm, reader, { ...priorityOf(vm), ...(runsOn === undefined ? {} : { runsOn }) })
  }

  decide(vm: VirtualMachine, wish: TargetWish = {}): Decision {
    const node = clusterStatusOf<ClusterVmStatus>(vm).placement?.node
    const ask: Ask = {
      vm: this.factsOf(vm),
      migrate: true,
      ...(node === undefined ? {} : { current: node }),
      ...(wish.nodeSelector === undefined ? {} : { nodeSelector: wish.nodeSelector }),
      ...(wish.not === undefined || wish.not.size === 0 ? {} : { not: wish.not }),
      ...(wish.leaving === undefined || wish.leaving.size === 0 ? {} : { leaving: wish.leaving }),
    }
    return decide(this.#deps.state.cluster, ask, { reserve: false })
  }

  /** The request for a move of a machine that has its place on `node`. */
  askOf(facts: VmFacts, node: string): Ask {
    const [vm] = this.#deps.reader.byIndex<VirtualMachine>(byUid(VMS), facts.uid)
    return { vm: vm === undefined ? facts : this.factsOf(vm), current: node, migrate: true }
  }

  /** Where a machine whose host is dead can be started. */
  placeOf(vm: VirtualMachine, dead: string): TargetChoice {
    const { reader, state, priorityOf, outdated } = this.#deps
    const why = outdated(vm)
    if (why !== null) return { node: null, message: why }
    const ask: Ask = { vm: factsOf(vm, reader, priorityOf(vm)), dead }
    const decision = decide(state.cluster, ask, { reserve: false })
    return decision.node === null ? { node: null, message: decision.message } : { node: decision.node }
  }

  readonly targetOf = (vm: VirtualMachine, wish: TargetWish): TargetChoice => {
    const why = this.#deps.outdated(vm)
    if (why !== null) return { node: null, message: why }
    const decision = this.decide(vm, wish)
    return decision.node === null ? { node: null, message: decision.message } : { node: decision.node }
  }
}
