// What the conditions of a Start, Stop or Restart may say while its machine has no host. Types and reasons are DVP's (vmopcondition).
import { type ConditionOf, defineConditions } from '../../../lib/conditions.ts'

export const POWER_CONDITIONS = defineConditions(
  'VirtualMachineOperation (Start, Stop, Restart without a host that is heard)',
  {
    Completed: {
      means: 'The operation has done what it asks for.',
      reasons: {
        OperationCompleted: { status: 'True', means: 'It has: the machine is not started.' },
        NotReadyToBeExecuted: {
          status: 'False',
          means: 'The machine has no host yet, or its host has not heard of the operation; the message says which.',
          todo: '`berth explain vm NAME` says what every host lacks.',
        },
        Superseded: { status: 'False', means: 'A stop took its place.' },
        VirtualMachineNotFound: {
          status: 'False',
          means: 'The machine does not exist.',
          todo: 'Check `spec.virtualMachineName` and the namespace, and create a new operation.',
        },
        NotApplicableForVirtualMachineRunPolicy: {
          status: 'False',
          means: 'The run policy of the machine decides this by itself.',
          todo: 'Change `spec.runPolicy` of the machine instead.',
        },
        NotApplicableForVirtualMachinePhase: {
          status: 'False',
          means: 'The machine is in that state already, or in one that the operation does not fit.',
          todo: 'Look at its phase, and create a new operation.',
        },
      },
    },
  },
)

export type PowerCondition = ConditionOf<typeof POWER_CONDITIONS.table>
