// Start, Stop and Restart of machines that no host has. Order of writes, so that a kill between any two is harmless: the machine's record,
// overtaken operations, the operation itself.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import { fromKey, nameOf, toKey } from '../../../lib/object.ts'
import { Controller, type ControllerObserver } from '../../../lib/reconcile/controller.ts'
import type { ReconcileLog } from '../../../lib/reconcile/log.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { DONE, type Outcome } from '../../../lib/reconcile/types.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  type VirtualMachine,
  type VirtualMachineOperation,
} from '../../../schemas/index.ts'
import { VM_OPERATIONS, VMS } from '../../../schemas/resources.ts'
import { hasEnded } from '../../binder/needs.ts'
import { OPERATIONS_BY_VM, operationVmKey } from '../../indexes.ts'
import { powerOf } from '../virtualmachine/wants.ts'
import { POWER_CONDITIONS, type PowerCondition } from './conditions.ts'
import { planPower, stoppedByHand } from './plan.ts'

export interface PowerDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly clock: Clock
  /** Why a host neither hears nor tells anything now, in words; null while it does. */
  readonly unheard: (node: string) => string | null
  readonly log: ReconcileLog
  readonly observer?: ControllerObserver
}

type Status = NonNullable<VirtualMachineOperation['status']>

const COMPLETED = { type: 'Completed' } as const

export function createPower(deps: PowerDeps): Controller {
  const { reader, clock, log, observer } = deps
  return new Controller({
    name: 'power',
    reconciler: { reconcile: (key) => pass(key, deps) },
    clock,
    log,
    // One at a time: which of two operations counts is decided from what the others say.
    concurrency: 1,
    keys: () => reader.list(VM_OPERATIONS).map((operation) => toKey(nameOf(operation))),
    ...(observer === undefined ? {} : { observer }),
  })
}

async function pass(key: string, deps: PowerDeps): Promise<Outcome> {
  const { reader } = deps
  const operation = reader.get<VirtualMachineOperation>(VM_OPERATIONS, fromKey(key))
  if (operation === null || operation.metadata.deletionTimestamp !== undefined) return DONE
  const { namespace = '' } = operation.metadata
  const vm = reader.get<VirtualMachine>(VMS, { namespace, name: operation.spec.virtualMachineName })
  const all = reader.byIndex<VirtualMachineOperation>(OPERATIONS_BY_VM, operationVmKey(operation))
  const others = all.filter(({ metadata }) => metadata.uid !== operation.metadata.uid)
  const step = planPower(operation, vm, others, deps.unheard)
  switch (step.do) {
    case 'nothing':
      return DONE
    case 'complete':
      await report(operation, 'Completed', { ...COMPLETED, status: 'True', reason: 'OperationCompleted' }, deps)
      return DONE
    case 'fail':
      await report(
        operation,
        'Failed',
        { ...COMPLETED, status: 'False', reason: step.reason, message: step.message },
        deps,
      )
      return DONE
    case 'wait': {
      const waits = { ...COMPLETED, status: 'False', reason: 'NotReadyToBeExecuted', message: step.message } as const
      await report(operation, 'Pending', waits, deps)
      return DONE
    }
    case 'stop': {
      if (vm === null || !(await rememberStop(vm, operation, deps))) return DONE
      for (const older of step.supersede) {
        const message = `${operation.metadata.name} took its place`
        await report(older, 'Superseded', { ...COMPLETED, status: 'False', reason: 'Superseded', message }, deps)
      }
      await report(operation, 'Completed', { ...COMPLETED, status: 'True', reason: 'OperationCompleted' }, deps)
      return DONE
    }
  }
}

/** False: it has got a host meanwhile, which does it. */
async function rememberStop(
  vm: VirtualMachine,
  operation: VirtualMachineOperation,
  { resources }: PowerDeps,
): Promise<boolean> {
  let stored = false
  await resources.modifyStatus<VirtualMachine>(VMS, { ...nameOf(vm), uid: vm.metadata.uid }, (status, current) => {
    const berth = clusterStatusOf<ClusterVmStatus>(current)
    stored = berth.placement === undefined
    if (!stored) return status
    const power = stoppedByHand(powerOf(current), operation.metadata.uid)
    return { ...status, berth: { ...berth, host: { ...berth.host, power } } } as VirtualMachine['status']
  })
  return stored
}

async function report(
  operation: VirtualMachineOperation,
  phase: Status['phase'],
  condition: PowerCondition,
  { resources, clock }: PowerDeps,
): Promise<void> {
  const { metadata } = operation
  const generation = metadata.generation ?? 0
  await resources.modifyStatus<VirtualMachineOperation>(
    VM_OPERATIONS,
    { ...nameOf(operation), uid: metadata.uid },
    (status, current) => {
      if (hasEnded(current)) return status
      const conditions = POWER_CONDITIONS.set(status?.conditions, condition, generation, clock.now())
      return { ...status, phase, conditions: [...conditions], observedGeneration: generation } as Status
    },
  )
}
