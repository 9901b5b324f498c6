// What a scheduler says of a machine that is being moved. Type and reason are DVP's (vmcondition).
import { defineConditions } from '../../../lib/conditions.ts'

export const MOVING_CONDITIONS = defineConditions('VirtualMachine (while it is moved)', {
  Migrating: {
    means: 'It is being moved to another host while it runs.',
    reasons: {
      InProgress: {
        status: 'True',
        means: 'It is; the message names the hosts and how far it is. The condition goes with the move.',
      },
    },
  },
})
