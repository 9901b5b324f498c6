// The pass over one machine whose host is not heard of: it waits, in words, or gets another host.
import type { Resources } from '../../lib/apiserver/resources.ts'
import { type Clock, timestamp } from '../../lib/clock.ts'
import { getCondition, removeCondition } from '../../lib/conditions.ts'
import type { EventRecorder } from '../../lib/controllers/event-recorder.ts'
import type { Counts } from '../../lib/metrics/metrics.ts'
import { fromKey, nameOf } from '../../lib/object.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { again, DONE, type Outcome } from '../../lib/reconcile/types.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  type Node,
  openMigration,
  type VirtualMachine,
} from '../../schemas/index.ts'
import { NODES, VMS } from '../../schemas/resources.ts'
import { FAILOVERS } from '../metrics/catalogue.ts'
import { sharedDisksFollow } from '../placement/disk-follows.ts'
import { handedOver } from '../placement/handed-over.ts'
import { FAILOVER_CONDITIONS, type FailoverCondition } from './conditions.ts'
import { coversMachine, deathOf, deathOn } from './death.ts'
import { asksForFailover, localDisksOf } from './eligible.ts'
import { FAILOVER_EVENTS } from './events.ts'
import { planMachine } from './plan-machine.ts'

const RETRY_MS = 5_000

export interface MachinePassDeps {
  readonly reader: Reader
  readonly resources: Pick<Resources, 'modifyStatus'>
  readonly clock: Pick<Clock, 'now'>
  readonly events: Pick<EventRecorder, 'record'>
  readonly wantsToRun: (vm: VirtualMachine) => boolean
  /** Where the machine can be started; `not`: the host that is dead. */
  readonly placeOf: (
    vm: VirtualMachine,
    not: string,
  ) => { readonly node: string } | { readonly node: null; readonly message: string }
  readonly metrics?: Counts
}

export class MachinePass {
  readonly #deps: MachinePassDeps

  constructor(deps: MachinePassDeps) {
    this.#deps = deps
  }

  async run(key: string): Promise<Outcome> {
    const { reader, wantsToRun, placeOf } = this.#deps
    const vm = reader.get<VirtualMachine>(VMS, fromKey(key))
    if (vm === null || vm.metadata.deletionTimestamp !== undefined) return DONE
    const status = clusterStatusOf<ClusterVmStatus>(vm)
    await sharedDisksFollow(vm, this.#deps)
    const { placement } = status
    if (placement === undefined) return DONE
    const node = reader.get<Node>(NODES, { namespace: '', name: placement.node })
    const condition = getCondition(node?.status?.conditions, 'HostDead')
    const death = deathOf(node)
    const step = planMachine({
      node: placement.node,
      silence: condition?.message ?? null,
      death,
      covered: death !== null && coversMachine(death, vm.metadata.uid, placement.epoch),
      enabled: asksForFailover(vm),
      localDisks: localDisksOf(vm, reader),
      wanted: wantsToRun(vm),
      moving: openMigration(status) !== null,
      failedOver: getCondition(vm.status?.conditions, 'Failover')?.status === 'True',
      choose: () => placeOf(vm, placement.node),
    })
    if (step.do === 'nothing') return DONE
    if (step.do === 'say') await this.#tell(vm, step.condition)
    else if (!(await this.#failOver(vm, step.to, step.condition))) return again(0, 'the machine changed meanwhile')
    return step.do === 'say' && step.condition !== null ? again(RETRY_MS, step.condition.message ?? '') : DONE
  }

  /** What was said of a host's silence is said no more; a death that is known stays so. */
  async hush(key: string): Promise<void> {
    const { reader } = this.#deps
    const vm = reader.get<VirtualMachine>(VMS, fromKey(key))
    const node = vm === null ? undefined : clusterStatusOf<ClusterVmStatus>(vm).placement?.node
    if (vm === null || node === undefined || deathOn(reader, node) !== null) return
    if (getCondition(vm.status?.conditions, 'Failover')?.status === 'False') await this.#tell(vm, null)
  }

  async #tell(vm: VirtualMachine, condition: FailoverCondition | null): Promise<void> {
    if (condition === null && getCondition(vm.status?.conditions, 'Failover') === undefined) return
    await this.#write(vm, (status, current) => ({ ...status, conditions: this.#said(current, condition) }))
  }

  #said = (vm: VirtualMachine, condition: FailoverCondition | null) => [
    ...(condition === null
      ? removeCondition(vm.status?.conditions, 'Failover')
      : FAILOVER_CONDITIONS.set(vm.status?.conditions, condition, vm.metadata.generation, this.#deps.clock.now())),
  ]

  /** False: what the decision was made from has changed; nothing is stored. */
  async #failOver(vm: VirtualMachine, to: string, condition: FailoverCondition): Promise<boolean> {
    const { clock, events, reader } = this.#deps
    const seen = clusterStatusOf<ClusterVmStatus>(vm).placement
    const evidence = seen === undefined ? undefined : deathOn(reader, seen.node)?.evidence
    let stored = false
    await this.#write(vm, (status, current) => {
      const berth = clusterStatusOf<ClusterVmStatus>(current)
      const { placement } = berth
      stored =
        placement !== undefined &&
        placement.node === seen?.node &&
        placement.epoch === seen.epoch &&
        openMigration(berth) === null &&
        deathOn(reader, placement.node) !== null
      if (!stored) return status
      const berthThere = handedOver(berth, { to, since: timestamp(clock.now()) })
      return { ...status, conditions: this.#said(current, condition), berth: berthThere }
    })
    if (stored) {
      if (evidence !== undefined) this.#deps.metrics?.inc(FAILOVERS, { evidence })
      events.record(vm, FAILOVER_EVENTS.text('FailedOver', condition.message ?? ''))
    }
    const after = reader.get<VirtualMachine>(VMS, nameOf(vm))
    if (stored && after !== null) await sharedDisksFollow(after, this.#deps)
    return stored
  }

  async #write(
    vm: VirtualMachine,
    change: (status: VirtualMachine['status'], current: VirtualMachine) => unknown,
  ): Promise<void> {
    const target = { ...nameOf(vm), uid: vm.metadata.uid }
    await this.#deps.resources.modifyStatus<VirtualMachine>(
      VMS,
      target,
      (status, current) => change(status, current) as NonNullable<VirtualMachine['status']>,
    )
  }
}
