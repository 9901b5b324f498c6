// What a VirtualMachineOperation's conditions may say. Types and reasons are DVP's (vmopcondition).
import { type ConditionOf, defineConditions } from '../../../lib/conditions.ts'

const NEW_ONE = 'An operation is done once: create a new one when the cause is gone.'

export const OPERATION_CONDITIONS = defineConditions('VirtualMachineOperation', {
  Completed: {
    means: 'The operation has done what it asks for.',
    reasons: {
      OperationCompleted: { status: 'True', means: 'It has.' },
      NotReadyToBeExecuted: {
        status: 'False',
        means: 'Another operation of the same machine is under way; this one comes next.',
      },
      StartInProgress: { status: 'False', means: 'The machine is being started.' },
      StopInProgress: {
        status: 'False',
        means: 'The guest was asked to power off. After its grace period it is ended.',
        todo: 'A guest that does not listen is ended at once by an operation with `force: true`.',
      },
      RestartInProgress: { status: 'False', means: 'The machine is being stopped, or started again.' },
      Superseded: {
        status: 'False',
        means: 'A newer operation took its place, as a stop does with a start.',
      },
      VirtualMachineNotFound: {
        status: 'False',
        means: 'The machine does not exist.',
        todo: `Check \`spec.virtualMachineName\` and the namespace. ${NEW_ONE}`,
      },
      NotApplicableForVirtualMachineRunPolicy: {
        status: 'False',
        means: 'The run policy of the machine decides this by itself.',
        todo: 'Change `spec.runPolicy` of the machine instead: `Manual` leaves starts and stops to operations.',
      },
      NotApplicableForVirtualMachinePhase: {
        status: 'False',
        means: 'The machine is in that state already, or in one that the operation does not fit.',
        todo: `Look at its phase. ${NEW_ONE}`,
      },
      OperationFailed: {
        status: 'False',
        means: 'It was tried and did not work; the message says why.',
        todo: `See the conditions and events of the machine. ${NEW_ONE}`,
      },
    },
  },
  SignalSent: {
    means: 'The machine was asked to do it.',
    reasons: { SignalSentSuccess: { status: 'True', means: 'It was.' } },
  },
})

export type OperationCondition = ConditionOf<typeof OPERATION_CONDITIONS.table>
