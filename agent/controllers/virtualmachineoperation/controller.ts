// VirtualMachineOperation: Start, Stop and Restart become a request in the VM's status; its outcome comes back from there.
// Order of writes, so that a kill between any two is harmless: this one's InProgress, superseded ones, the VM's request.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import { fromKey } from '../../../lib/object.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { again, DONE, type Outcome, type Reconciler } from '../../../lib/reconcile/types.ts'
import type { VirtualMachine, VirtualMachineOperation } from '../../../schemas/index.ts'
import { isExpired, type PowerType } from '../../../schemas/virtualmachineoperation/applies.ts'
import { VM_OPERATIONS, VMS } from '../../names.ts'
import { finish, type PowerRequest } from '../virtualmachine/power.ts'
import { berthOf, type VmStatus } from '../virtualmachine/status.ts'
import { OPERATION_CONDITIONS, type OperationCondition } from './conditions.ts'
import { hasEnded, planOperation } from './plan.ts'

/** Name of the reader's index: `namespace/name` of the VM -> its operations. */
export const OPERATIONS_BY_VM = `${VM_OPERATIONS}/vm`
export const operationVmKey = (operation: VirtualMachineOperation): string =>
  `${operation.metadata.namespace}/${operation.spec.virtualMachineName}`

/** Another operation's end wakes those that wait for it; this is for the case that the wake was lost. */
const WAIT_MS = 5_000
const EXPIRY_CHECK_MS = 3_600_000

type Completed = Extract<OperationCondition, { type: 'Completed' }>
type NotCompleted = Extract<Completed, { status: 'False' }>

const COMPLETED = { type: 'Completed' } as const
const not = (reason: NotCompleted['reason'], message = ''): NotCompleted => ({
  ...COMPLETED,
  status: 'False',
  reason,
  message,
})

const UNDER_WAY = {
  Start: 'StartInProgress',
  Stop: 'StopInProgress',
  Restart: 'RestartInProgress',
} as const satisfies Record<PowerType, NotCompleted['reason']>

type OperationStatus = NonNullable<VirtualMachineOperation['status']>

export interface OperationDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly clock: Clock
}

export class OperationReconciler implements Reconciler {
  readonly #deps: OperationDeps

  constructor(deps: OperationDeps) {
    this.#deps = deps
  }

  async reconcile(key: string): Promise<Outcome> {
    const { reader } = this.#deps
    const operation = reader.get<VirtualMachineOperation>(VM_OPERATIONS, fromKey(key))
    if (operation === null || operation.metadata.deletionTimestamp !== undefined) return DONE
    const all = reader.byIndex<VirtualMachineOperation>(OPERATIONS_BY_VM, operationVmKey(operation))
    if (hasEnded(operation)) return this.#collect(operation, all)
    const vmName = { namespace: operation.metadata.namespace ?? '', name: operation.spec.virtualMachineName }
    const vm = reader.get<VirtualMachine>(VMS, vmName)
    const others = all.filter(({ metadata }) => metadata.uid !== operation.metadata.uid)
    const step = planOperation(operation, vm, others)
    switch (step.do) {
      case 'nothing':
        return DONE
      case 'wait':
        await this.#report(operation, 'Pending', not('NotReadyToBeExecuted', step.message))
        return again(WAIT_MS, step.message)
      case 'fail':
        await this.#report(operation, 'Failed', not(step.reason, step.message))
        return DONE
      case 'complete':
        await this.#report(operation, 'Completed', { ...COMPLETED, status: 'True', reason: 'OperationCompleted' })
        return DONE
      case 'ask':
        // This one first: an operation that waits must not slip in between the two.
        await this.#report(operation, 'InProgress', not(UNDER_WAY[operation.spec.type as PowerType]))
        for (const older of step.supersede)
          await this.#report(older, 'Superseded', not('Superseded', `${operation.metadata.name} took its place`))
        if (vm !== null) await this.#ask(operation, vm)
        return DONE
    }
  }

  async #ask(operation: VirtualMachineOperation, vm: VirtualMachine): Promise<void> {
    const type = operation.spec.type as PowerType
    const request: PowerRequest = {
      id: operation.metadata.uid,
      type,
      force: operation.spec.force === true,
      ...(type === 'Restart' ? { stage: 'stopping' as const } : {}),
    }
    const target = { namespace: vm.metadata.namespace ?? '', name: vm.metadata.name, uid: vm.metadata.uid }
    await this.#deps.resources.modifyStatus<VirtualMachine>(VMS, target, (status) => {
      const berth = berthOf(status)
      if (berth.power.done?.id === request.id || berth.power.request?.id === request.id) return status
      const power = { ...finish(berth.power, false, 'another operation took its place'), request }
      return { ...status, berth: { ...berth, power } } as VmStatus
    })
  }

  async #report(
    operation: VirtualMachineOperation,
    phase: OperationStatus['phase'],
    completed: Completed,
  ): Promise<void> {
    const { metadata } = operation
    const target = { namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid }
    const now = this.#deps.clock.now()
    const generation = metadata.generation ?? 0
    await this.#deps.resources.modifyStatus<VirtualMachineOperation>(VM_OPERATIONS, target, (status) => {
      const done = OPERATION_CONDITIONS.set(status?.conditions ?? [], completed, generation, now)
      const signalled = phase === 'InProgress' || phase === 'Completed'
      const conditions = signalled
        ? OPERATION_CONDITIONS.set(
            done,
            { type: 'SignalSent', status: 'True', reason: 'SignalSentSuccess' },
            generation,
            now,
          )
        : done
      return { ...status, phase, conditions, observedGeneration: generation } as OperationStatus
    })
  }

  async #collect(operation: VirtualMachineOperation, all: readonly VirtualMachineOperation[]): Promise<Outcome> {
    if (!isExpired(operation, all, this.#deps.clock.now())) return again(EXPIRY_CHECK_MS, 'kept until it expires')
    const { namespace, name, uid } = operation.metadata
    await this.#deps.resources.delete(VM_OPERATIONS, { namespace: namespace ?? '', name }, { uid })
    return DONE
  }
}
