// Whatever waits says for what: looked at in the scheduler's store, as people see it.
import { getCondition } from '../../lib/conditions.ts'
import type { Condition } from '../../lib/object.ts'
import { hasEnded } from '../../scheduler/binder/needs.ts'
import { wantsToRun } from '../../scheduler/controllers/virtualmachine/wants.ts'
import type { VirtualMachine, VirtualMachineOperation } from '../../schemas/index.ts'
import { VM_OPERATIONS, VMS } from '../../schemas/resources.ts'
import type { World } from './world.ts'

/** What has begun this short a time ago may be about to be told. */
export const PATIENCE_MS = 40_000

const words = (condition: Condition | undefined): boolean => (condition?.message ?? '') !== ''

/** In words, what has waited for long and does not say why. Nothing can be said while no scheduler has run for a while, or its disk is full. */
export function silentWaits(world: World): readonly string[] {
  const process = world.scheduler()
  if (process === null || process.life.frozen || world.isFull() || world.timeline.now - process.began < PATIENCE_MS)
    return []
  const { reader } = process
  const since = process.life.now() - PATIENCE_MS
  const isLate = (time: string | undefined) => time !== undefined && Date.parse(time) < since
  const machines = reader.list<VirtualMachine>(VMS).filter((vm) => {
    const running = getCondition(vm.status?.conditions, 'Running')
    if (vm.metadata.deletionTimestamp !== undefined || !wantsToRun(vm, reader) || running?.status === 'True')
      return false
    return isLate(running?.lastTransitionTime ?? vm.metadata.creationTimestamp) && !words(running)
  })
  const operations = reader.list<VirtualMachineOperation>(VM_OPERATIONS).filter((operation) => {
    const completed = getCondition(operation.status?.conditions, 'Completed')
    // Of one that was taken up its machine says more.
    if (hasEnded(operation) || operation.status?.phase === 'InProgress') return false
    return isLate(completed?.lastTransitionTime ?? operation.metadata.creationTimestamp) && !words(completed)
  })
  return [...machines, ...operations].map(
    ({ kind, metadata }) => `${kind} ${metadata.name} waits, and does not say for what`,
  )
}
