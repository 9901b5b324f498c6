// Writes of the scheduler's half of a machine's status.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import { nameOf } from '../../../lib/object.ts'
import { type ClusterVmStatus, clusterStatusOf, openMigration, type VirtualMachine } from '../../../schemas/index.ts'
import { VMS } from '../../../schemas/resources.ts'
import type { ClusterVmCondition } from '../../mirror/conditions.ts'
import { withCondition } from './decision.ts'

export interface WriteDeps {
  readonly resources: Pick<Resources, 'modifyStatus'>
  readonly clock: Clock
}

/** It waits, and for what. */
export const pending = (message: string): ClusterVmCondition => ({
  type: 'Running',
  status: 'False',
  reason: 'PodNotStarted',
  message,
})

/** Not while it moves: then its migration decides. */
export async function write(
  vm: VirtualMachine,
  change: (vm: VirtualMachine) => VirtualMachine['status'],
  { resources }: WriteDeps,
): Promise<void> {
  const { uid } = vm.metadata
  await resources.modifyStatus<VirtualMachine>(VMS, { ...nameOf(vm), uid }, (status, current) =>
    openMigration(clusterStatusOf<ClusterVmStatus>(current)) === null ? change(current) : status,
  )
}

/** @param phase of a machine without a host */
export async function say(
  vm: VirtualMachine,
  condition: ClusterVmCondition,
  deps: WriteDeps,
  phase?: 'Pending' | 'Stopped',
): Promise<void> {
  const now = deps.clock.now()
  await write(vm, (current) => withCondition(current, current.status, condition, now, phase), deps)
}

/** Also of a machine that moves as far as this store knows: whoever moves it does nothing either. */
export async function sayStale(vm: VirtualMachine, message: string, { resources, clock }: WriteDeps): Promise<void> {
  const { uid } = vm.metadata
  const condition = { type: 'Running', status: 'Unknown', reason: 'StaleEpoch', message } as const
  await resources.modifyStatus<VirtualMachine>(VMS, { ...nameOf(vm), uid }, (status, current) =>
    withCondition(current, status, condition, clock.now()),
  )
}
