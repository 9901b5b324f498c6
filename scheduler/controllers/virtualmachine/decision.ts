// Writes of the machine's own record, as pure changes of its status.
import { timestamp } from '../../../lib/clock.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  lastEpoch,
  nextEpoch,
  type Placement,
  type VirtualMachine,
} from '../../../schemas/index.ts'
import { CLUSTER_VM_CONDITIONS, type ClusterVmCondition } from '../../mirror/conditions.ts'

type Status = VirtualMachine['status']

const withBerth = (vm: VirtualMachine, berth: ClusterVmStatus): Status => ({ ...vm.status, berth }) as Status

/** With what is said of its running; of a machine without a host the phase is the scheduler's word too. */
export function withCondition(
  vm: VirtualMachine,
  status: Status,
  condition: ClusterVmCondition,
  nowMs: number,
  phase?: 'Pending' | 'Stopped',
): Status {
  const { generation } = vm.metadata
  const conditions = CLUSTER_VM_CONDITIONS.set(status?.conditions, condition, generation, nowMs)
  const said =
    phase === undefined
      ? {}
      : { phase, nodeName: '', ...(generation === undefined ? {} : { observedGeneration: generation }) }
  return { ...status, ...said, conditions: [...conditions] } as Status
}

/** Given to a host: decided, and not told to it yet. */
export function placed(vm: VirtualMachine, node: string, message: string, nowMs: number): Status {
  const before = clusterStatusOf<ClusterVmStatus>(vm)
  // Somebody else gave it a host meanwhile, or a host has yet to let it go.
  if (before.placement !== undefined || (before.leaving ?? []).length > 0) return vm.status
  const { epoch: _, eviction: __, ...kept } = before
  const placement: Placement = { node, epoch: nextEpoch(before), since: timestamp(nowMs) }
  const berth = { ...kept, placement, decision: { node, message } }
  return withCondition(
    vm,
    withBerth(vm, berth),
    { type: 'Running', status: 'False', reason: 'PodNotStarted', message: `given to ${node}, which has not begun yet` },
    nowMs,
    'Pending',
  )
}

/** The host did not take it, and has nothing of it. */
export function cleared(vm: VirtualMachine, node: string, message: string, nowMs: number): Status {
  const before = clusterStatusOf<ClusterVmStatus>(vm)
  const { placement, ...kept } = before
  if (placement?.node !== node) return vm.status
  return withCondition(
    vm,
    withBerth(vm, { ...kept, epoch: lastEpoch(before), decision: { node, message: `it refused: ${message}` } }),
    { type: 'Running', status: 'False', reason: 'PodNotStarted', message: `${node} did not take it: ${message}` },
    nowMs,
    'Pending',
  )
}

/** It does not run where it was, and looks for another host as soon as that one has let it go. */
export function vacated(vm: VirtualMachine, message: string, nowMs: number): Status {
  const before = clusterStatusOf<ClusterVmStatus>(vm)
  const { placement, eviction, ...kept } = before
  if (placement === undefined) return vm.status
  const { idle: _, ...left } = placement
  const reason = eviction === undefined ? 'PodNotStarted' : 'Preempted'
  return withCondition(
    vm,
    withBerth(vm, { ...kept, epoch: lastEpoch(before), leaving: [...(kept.leaving ?? []), left] }),
    { type: 'Running', status: 'False', reason, message: eviction?.message ?? message },
    nowMs,
    'Pending',
  )
}

/** It is to be stopped where it is, to make room for the machine with the uid `forUid`. */
export function evicted(vm: VirtualMachine, forUid: string, message: string, nowMs: number): Status {
  const before = clusterStatusOf<ClusterVmStatus>(vm)
  if (before.placement === undefined || before.eviction !== undefined) return vm.status
  return withBerth(vm, { ...before, eviction: { since: timestamp(nowMs), reason: 'Preempted', for: forUid, message } })
}

/** It does not run: it keeps its place, and no room is reserved there. */
export function idled(vm: VirtualMachine): Status {
  const before = clusterStatusOf<ClusterVmStatus>(vm)
  const { placement } = before
  return placement === undefined ? vm.status : withBerth(vm, { ...before, placement: { ...placement, idle: true } })
}

/** There is room where it was. */
export function woken(vm: VirtualMachine): Status {
  const before = clusterStatusOf<ClusterVmStatus>(vm)
  if (before.placement === undefined) return vm.status
  const { idle: _, ...placement } = before.placement
  return withBerth(vm, { ...before, placement })
}

/** These hosts have let it go; the highest epoch stays known. */
export function droppedLeaving(vm: VirtualMachine, nodes: readonly string[]): Status {
  const before = clusterStatusOf<ClusterVmStatus>(vm)
  const { leaving: _, ...kept } = before
  const left = (before.leaving ?? []).filter(({ node }) => !nodes.includes(node))
  return withBerth(vm, { ...kept, epoch: lastEpoch(before), ...(left.length === 0 ? {} : { leaving: left }) })
}
