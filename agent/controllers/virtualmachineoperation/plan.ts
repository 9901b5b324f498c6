// What to do next about one operation. Pure; the VM's controller does the work, this only asks and watches.
import type { VirtualMachine, VirtualMachineOperation } from '../../../schemas/index.ts'
import { type PowerType, refusalOf, supersedes } from '../../../schemas/virtualmachineoperation/applies.ts'
import { berthOf } from '../virtualmachine/status.ts'
import type { OperationCondition } from './conditions.ts'

type FailureReason = Exclude<
  Extract<OperationCondition, { type: 'Completed'; status: 'False' }>['reason'],
  `${string}InProgress`
>

export type OperationStep =
  | { readonly do: 'nothing' }
  | { readonly do: 'wait'; readonly message: string }
  | { readonly do: 'fail'; readonly reason: FailureReason; readonly message: string }
  | { readonly do: 'complete' }
  /** Mark the older ones (under way or waiting), then ask the VM. */
  | { readonly do: 'ask'; readonly supersede: readonly VirtualMachineOperation[] }

const ENDED = ['Completed', 'Failed', 'Superseded']
export const hasEnded = (operation: VirtualMachineOperation): boolean =>
  ENDED.includes(operation.status?.phase ?? 'Pending')

/** `others`: the other operations of the same VM. */
export function planOperation(
  operation: VirtualMachineOperation,
  vm: VirtualMachine | null,
  others: readonly VirtualMachineOperation[],
): OperationStep {
  if (hasEnded(operation)) return { do: 'nothing' }
  if (vm === null)
    return {
      do: 'fail',
      reason: 'VirtualMachineNotFound',
      message: `the virtual machine ${operation.spec.virtualMachineName} does not exist`,
    }
  const { power } = berthOf(vm.status)
  const { uid } = operation.metadata
  if (power.done?.id === uid)
    return power.done.ok ? { do: 'complete' } : { do: 'fail', reason: 'OperationFailed', message: power.done.message }
  if (power.request?.id === uid) return { do: 'nothing' }
  if (vm.metadata.deletionTimestamp !== undefined)
    return { do: 'fail', reason: 'OperationFailed', message: 'the virtual machine is being deleted' }

  const running = others.filter((other) => other.status?.phase === 'InProgress')
  // Asked for earlier, and still to be done: the last word must be the last deed.
  const earlier = others.filter((other) => !hasEnded(other) && !running.includes(other) && isOlder(other, operation))
  const overtakes = [...running, ...earlier].filter((other) => supersedes(operation.spec, other.spec))
  if (operation.status?.phase === 'InProgress') {
    // Overtaken: the newer one says so in this one's status before it asks the VM.
    const overtaken = running.some((other) => supersedes(other.spec, operation.spec))
    return overtaken ? { do: 'nothing' } : { do: 'ask', supersede: overtakes }
  }
  const refusal = refusalOf(operation.spec.type as PowerType, operation.spec.force === true, vm)
  // What is under way changes the phase that a superseding operation is judged by: a stop may overtake a start.
  if (refusal !== null && overtakes.length === 0) return { do: 'fail', ...refusal }
  const isAhead = (other: VirtualMachineOperation) => !overtakes.includes(other)
  const ahead = running.find(isAhead)
  // What takes the place of one under way does so at once: whoever waits, waits for just that one.
  const next = running.some((other) => overtakes.includes(other)) ? undefined : earlier.find(isAhead)
  if (ahead !== undefined) return { do: 'wait', message: `the operation ${ahead.metadata.name} is under way` }
  if (next !== undefined) return { do: 'wait', message: `the operation ${next.metadata.name} was asked for earlier` }
  return { do: 'ask', supersede: overtakes }
}

/** By the second, as far as creation times tell; of the same second neither is older. */
const isOlder = (one: VirtualMachineOperation, other: VirtualMachineOperation): boolean =>
  one.metadata.creationTimestamp < other.metadata.creationTimestamp
