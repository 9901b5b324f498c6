// The drain of a node: its annotation asks for it, evictions do it, its condition Draining tells how far it is. Keeps nothing in memory.

import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import { getCondition, removeCondition } from '../../../lib/conditions.ts'
import type { EventRecorder } from '../../../lib/controllers/event-recorder.ts'
import { fromKey, nameOf, toKey } from '../../../lib/object.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { again, DONE, type Outcome, type Reconciler } from '../../../lib/reconcile/types.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  type Node,
  openMigration,
  type VirtualMachine,
  type VirtualMachineOperation,
} from '../../../schemas/index.ts'
import { NODES, VM_OPERATIONS, VMS } from '../../../schemas/resources.ts'
import { isOn } from '../../../schemas/virtualmachine/power.ts'
import { byPlace, OPERATIONS_BY_VM } from '../../indexes.ts'
import { createEviction, evictionsFor } from '../evictions/evictions.ts'
import { hasEnded } from '../virtualmachineoperation/plan.ts'
import { DRAIN_CONDITIONS, type DrainCondition } from './conditions.ts'
import { DRAIN_EVENTS } from './events.ts'
import { DRAIN, type DrainMachine, planDrain, REQUESTED } from './plan.ts'

export interface DrainDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly clock: Clock
  readonly events: Pick<EventRecorder, 'record'>
  readonly priorityOf: (vm: VirtualMachine) => number
  /** What would help a machine that cannot go, in words. */
  readonly helpFor: (vm: VirtualMachine) => string | null
  /** In words, why this scheduler may not decide anything now; null: it may. */
  readonly frozen: () => string | null
  /** Evictions of one node that are open at once. */
  readonly parallel: number
}

const FROZEN_MS = 5_000

/** Machines that run on a node, or keep their place there. */
export const machinesOn = (reader: Reader, node: string): readonly VirtualMachine[] =>
  reader.byIndex<VirtualMachine>(byPlace(VMS), node)

const MOVING = { type: 'Draining', status: 'True', reason: 'EvacuationInProgress' } as const

export class DrainReconciler implements Reconciler {
  readonly #deps: DrainDeps

  constructor(deps: DrainDeps) {
    this.#deps = deps
  }

  async reconcile(key: string): Promise<Outcome> {
    const { reader, clock, frozen, parallel } = this.#deps
    const node = reader.get<Node>(NODES, fromKey(key))
    if (node === null || node.metadata.deletionTimestamp !== undefined) return DONE
    const requested = node.metadata.annotations?.[DRAIN] === REQUESTED
    const known = node.status?.conditions?.some(({ type }) => type === 'Draining') === true
    if (!requested && !known) return DONE
    const why = frozen()
    if (why !== null) {
      const isOver = getCondition(node.status?.conditions, 'Draining')?.status === 'False'
      if (requested && !isOver) await this.#say(node, { ...MOVING, message: `nothing is moved now: ${why}` })
      return again(FROZEN_MS, why)
    }
    const vms = machinesOn(reader, node.metadata.name)
    const byUid = new Map(vms.map((vm) => [vm.metadata.uid, vm]))
    const plan = planDrain({
      now: clock.now(),
      requested,
      cordoned: node.spec?.unschedulable === true,
      machines: vms.map((vm) => this.#machine(vm, node.metadata.name)),
      parallel,
      helpFor: (uid) => {
        const vm = byUid.get(uid)
        return vm === undefined ? null : this.#deps.helpFor(vm)
      },
    })
    for (const { metadata } of plan.callOff)
      await this.#deps.resources.delete(VM_OPERATIONS, nameOf({ metadata } as VirtualMachineOperation), {
        uid: metadata.uid,
      })
    await this.#say(node, plan.condition)
    if (plan.forget) await this.#forget(node)
    for (const uid of plan.evict) {
      const vm = byUid.get(uid)
      if (vm !== undefined) await createEviction(this.#deps.resources, vm, 'evacuation', node.metadata.name)
    }
    return plan.againMs === null ? DONE : again(plan.againMs, 'machines are being moved away')
  }

  #machine(vm: VirtualMachine, node: string): DrainMachine {
    const { reader, priorityOf } = this.#deps
    const title = toKey(nameOf(vm))
    const operations = reader.byIndex<VirtualMachineOperation>(OPERATIONS_BY_VM, title)
    const evictions = evictionsFor(operations, 'evacuation', node)
    const open = openMigration(clusterStatusOf<ClusterVmStatus>(vm))
    return {
      title,
      uid: vm.metadata.uid,
      priority: priorityOf(vm),
      on: isOn(vm),
      moving: open !== null,
      sending: open !== null && open.phase !== 'Preparing' && open.phase !== 'Prepared',
      evictions,
      busy: operations.some((one) => !evictions.includes(one) && !hasEnded(one)),
    }
  }

  async #say(node: Node, condition: DrainCondition | null): Promise<void> {
    const { resources, clock, events } = this.#deps
    const before = node.status?.conditions?.find(({ type }) => type === 'Draining')
    const target = { namespace: '', name: node.metadata.name, uid: node.metadata.uid }
    await resources.modifyStatus<Node>(NODES, target, (status) => {
      const conditions =
        condition === null
          ? removeCondition(status?.conditions, 'Draining')
          : DRAIN_CONDITIONS.set(status?.conditions, condition, undefined, clock.now())
      return { ...status, conditions: [...conditions] }
    })
    if (before?.reason === condition?.reason) return
    if (condition === null) events.record(node, DRAIN_EVENTS.text('DrainEnded', 'machines may be started here again'))
    else if (condition.reason === 'Drained') events.record(node, DRAIN_EVENTS.text('Drained', condition.message ?? ''))
    else if (condition.reason === 'EvacuationStuck')
      events.record(node, DRAIN_EVENTS.text('DrainStuck', condition.message ?? ''))
    else if (before === undefined) events.record(node, DRAIN_EVENTS.text('DrainStarted', condition.message ?? ''))
  }

  async #forget(node: Node): Promise<void> {
    await this.#deps.resources.modify<Node>(NODES, nameOf(node), (current) => {
      const { [DRAIN]: asked, ...annotations } = current.metadata.annotations ?? {}
      // Asked for again meanwhile.
      if (asked === undefined || current.spec?.unschedulable === true) return current
      return { ...current, metadata: { ...current.metadata, annotations } }
    })
  }
}

/** Nodes with something to do. */
export const drainKeys = (reader: Reader): readonly string[] =>
  reader
    .list<Node>(NODES)
    .filter(hasDrain)
    .map((node) => toKey(nameOf(node)))

export const hasDrain = ({ metadata, status }: Node): boolean =>
  metadata.annotations?.[DRAIN] !== undefined || getCondition(status?.conditions, 'Draining') !== undefined
