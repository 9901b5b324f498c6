// Start, Stop and Restart of a machine that no host has: what its host would do, the scheduler does. Pure.
import {
  type ClusterVmStatus,
  clusterStatusOf,
  type VirtualMachine,
  type VirtualMachineOperation,
} from '../../../schemas/index.ts'
import type { PowerRecord } from '../../../schemas/virtualmachine/power.ts'
import { isMove, type PowerType, refusalOf, supersedes } from '../../../schemas/virtualmachineoperation/applies.ts'
import { hasEnded } from '../../binder/needs.ts'
import { powerOf } from '../virtualmachine/wants.ts'

export type PowerStep =
  | { readonly do: 'nothing' }
  | { readonly do: 'complete' }
  | { readonly do: 'fail'; readonly reason: FailureReason; readonly message: string }
  | { readonly do: 'wait'; readonly message: string }
  /** Remember that it was stopped by hand; those that it overtakes are over. */
  | { readonly do: 'stop'; readonly supersede: readonly VirtualMachineOperation[] }

type FailureReason =
  | 'VirtualMachineNotFound'
  | 'NotApplicableForVirtualMachineRunPolicy'
  | 'NotApplicableForVirtualMachinePhase'

/** `others`: the other operations of the same machine. `unheard`: why a host neither hears nor tells anything now; null while it does. */
export function planPower(
  operation: VirtualMachineOperation,
  vm: VirtualMachine | null,
  others: readonly VirtualMachineOperation[],
  unheard: (node: string) => string | null = () => null,
): PowerStep {
  if (hasEnded(operation) || isMove(operation.spec.type)) return { do: 'nothing' }
  const name = operation.spec.virtualMachineName
  if (vm === null)
    return {
      do: 'fail',
      reason: 'VirtualMachineNotFound',
      message: `the virtual machine ${name} does not exist`,
    }
  const { placement, leaving = [] } = clusterStatusOf<ClusterVmStatus>(vm)
  // Its host does it, and tells of it: one that is not heard has not said yet that it has taken it up.
  const words = placement === undefined ? null : unheard(placement.node)
  if (placement !== undefined && words !== null && (operation.status?.phase ?? 'Pending') === 'Pending')
    return { do: 'wait', message: `waits for ${placement.node}: ${words}` }
  if (placement !== undefined) return { do: 'nothing' }
  if (powerOf(vm).done?.id === operation.metadata.uid) return { do: 'complete' }
  if (leaving.length > 0)
    return { do: 'wait', message: `waits until ${leaving.map(({ node }) => node).join(', ')} has let the machine go` }
  const type = operation.spec.type as PowerType
  // A machine without a host is stopped, whether it waits for one or not.
  const phase = type === 'Start' ? 'Stopped' : (vm.status?.phase ?? 'Pending')
  const refusal = refusalOf(type, operation.spec.force === true, { ...vm, status: { ...vm.status, phase } })
  if (refusal !== null) return { do: 'fail', ...refusal }
  if (type === 'Stop') {
    const overtaken = others.filter((other) => !hasEnded(other) && supersedes(operation.spec, other.spec))
    return { do: 'stop', supersede: overtaken }
  }
  return { do: 'wait', message: 'the machine has no host yet' }
}

/** The record of a machine that was stopped by hand before it ran. */
export const stoppedByHand = (power: PowerRecord, id: string): PowerRecord => ({
  ...power,
  marker: 'Stopped',
  by: 'Operation',
  done: { id, ok: true, message: '' },
})
