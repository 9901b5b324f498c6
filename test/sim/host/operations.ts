// Start, Stop and Restart as a simulated agent does them: those that came with the machine's binding.
import { timestamp } from '../../../lib/clock.ts'
import type { KubeObject } from '../../../lib/object.ts'
import type { VirtualMachine, VirtualMachineOperation } from '../../../schemas/index.ts'
import { VM_OPERATIONS } from '../../../schemas/resources.ts'
import type { PowerRecord } from '../../../schemas/virtualmachine/power.ts'
import type { AgentDisk } from './disk.ts'

const ENDED = ['Completed', 'Failed', 'Superseded']

const ended = ({ status }: VirtualMachineOperation): boolean => ENDED.includes(status?.phase ?? 'Pending')

/** Copies the binding's operations, and lets the record have the first that is open. */
export function takeOperations(disk: AgentDisk, vm: VirtualMachine, power: PowerRecord): PowerRecord {
  const binding = disk.binding(vm.metadata.uid)
  for (const object of binding?.objects ?? [])
    if (object.kind === 'VirtualMachineOperation' && disk.object(VM_OPERATIONS, object.metadata.uid) === null)
      disk.putObject(VM_OPERATIONS, { ...object, status: { phase: 'Pending' } } as KubeObject)
  if (power.request !== undefined) return power
  const next = operationsOf(disk, vm).find((one) => !ended(one))
  if (next === undefined || power.done?.id === next.metadata.uid) return power
  const { type, force = false } = next.spec
  if (type !== 'Start' && type !== 'Stop' && type !== 'Restart') return power
  return { ...power, request: { id: next.metadata.uid, type, force } }
}

/** What the record says of them, in their status. */
export function tellOperations(
  disk: AgentDisk,
  vm: VirtualMachine,
  { request, done }: PowerRecord,
  nowMs: number,
): void {
  for (const one of operationsOf(disk, vm)) {
    if (ended(one)) continue
    const { uid } = one.metadata
    const phase = done?.id === uid ? (done.ok ? 'Completed' : 'Failed') : request?.id === uid ? 'InProgress' : 'Pending'
    const conditions = phase === 'Pending' ? [] : [wordOf(one, done?.id === uid ? done : null, nowMs)]
    disk.putObject(VM_OPERATIONS, { ...one, status: { ...one.status, phase, conditions } } as KubeObject)
  }
}

function wordOf({ spec }: VirtualMachineOperation, done: PowerRecord['done'] | null, nowMs: number) {
  const reason = done == null ? `${spec.type}InProgress` : done.ok ? 'OperationCompleted' : 'OperationFailed'
  const status = done?.ok === true ? 'True' : 'False'
  return { type: 'Completed', status, reason, message: done?.message ?? '', lastTransitionTime: timestamp(nowMs) }
}

const operationsOf = (disk: AgentDisk, { metadata }: VirtualMachine): readonly VirtualMachineOperation[] =>
  disk
    .objects<VirtualMachineOperation>(VM_OPERATIONS)
    .filter(
      ({ spec, metadata: { namespace } }) =>
        spec.virtualMachineName === metadata.name && namespace === metadata.namespace,
    )
