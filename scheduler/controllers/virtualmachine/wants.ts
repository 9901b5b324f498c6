// Whether a machine is to run: its run policy, what its host last told of its power, and what was asked of it since. Pure.
import { nameOf, toKey } from '../../../lib/object.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  type VirtualMachine,
  type VirtualMachineOperation,
} from '../../../schemas/index.ts'
import { type PowerRecord, wantedPower } from '../../../schemas/virtualmachine/power.ts'
import { refusalOf } from '../../../schemas/virtualmachineoperation/applies.ts'
import { OPERATIONS_BY_VM } from '../../indexes.ts'

const ENDED: readonly string[] = ['Completed', 'Failed', 'Superseded']

/** The power record as the host last told it. */
export const powerOf = (vm: VirtualMachine): PowerRecord =>
  (clusterStatusOf<ClusterVmStatus>(vm).host as { readonly power?: PowerRecord } | undefined)?.power ?? {}

/** A start that was asked for, fits the machine, and is not done. */
function startIsAsked(vm: VirtualMachine, operations: readonly VirtualMachineOperation[]): boolean {
  return operations.some(
    ({ spec, status, metadata }) =>
      spec.type === 'Start' &&
      metadata.deletionTimestamp === undefined &&
      !ENDED.includes(status?.phase ?? 'Pending') &&
      (status?.phase === 'InProgress' || startFits(vm)),
  )
}

/** As its host would judge; a machine without a host is stopped. */
const startFits = (vm: VirtualMachine): boolean =>
  refusalOf('Start', false, {
    ...vm,
    status: { ...vm.status, phase: vm.status?.phase === 'Pending' ? 'Stopped' : (vm.status?.phase ?? 'Stopped') },
  }) === null

/** By its run policy and by what was asked for last; whether anything stands in the way is another matter. */
export function wantsToRun(vm: VirtualMachine, reader: Pick<Reader, 'byIndex'>): boolean {
  if (vm.metadata.deletionTimestamp !== undefined) return false
  if (wantedPower(powerOf(vm), vm.spec.runPolicy) === 'On') return true
  if (vm.spec.runPolicy === 'AlwaysOff') return false
  return startIsAsked(vm, reader.byIndex<VirtualMachineOperation>(OPERATIONS_BY_VM, toKey(nameOf(vm))))
}
