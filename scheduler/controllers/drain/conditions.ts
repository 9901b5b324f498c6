// What a Node says of its drain.
import { type ConditionOf, defineConditions } from '../../../lib/conditions.ts'

export const DRAIN_CONDITIONS = defineConditions('Node (drain)', {
  Draining: {
    means:
      'Its machines are being moved to other hosts, as `berth drain` asked for. The condition goes with `berth uncordon`.',
    reasons: {
      EvacuationInProgress: { status: 'True', means: 'They are; the message counts them.' },
      EvacuationStuck: {
        status: 'True',
        means:
          'What is left cannot be moved now; the message says of each machine why, and what would help. It is tried again.',
        todo: 'Make room or loosen what the machines ask for; stop those that can be stopped; or end it with `berth uncordon`.',
      },
      Drained: {
        status: 'False',
        means:
          'No machine runs there any more. Machines that are stopped keep their disks there; the message names them.',
      },
    },
  },
})

export type DrainCondition = ConditionOf<typeof DRAIN_CONDITIONS.table>
