// What a Node says of a host that is not heard of, and a machine of its failover.
import { type ConditionOf, defineConditions } from '../../lib/conditions.ts'

export const HOST_DEAD_CONDITIONS = defineConditions('Node (not heard of)', {
  HostDead: {
    means: 'It is known that nothing runs on the host. The condition goes when the host is heard again.',
    reasons: {
      Fenced: { status: 'True', means: 'The fencing command has said so.' },
      WatchdogExpired: {
        status: 'True',
        means:
          'The kernel’s watchdog is fed only while the lease holds: the host has ended its machines that may be failed over, or was reset. Of other machines nothing is known, unless the message says that it was reset.',
      },
      TimeoutExpired: {
        status: 'True',
        means:
          'The host’s agent has ended the machines that may be failed over, by its own clock. The weakest evidence; `failover.timeoutCounts` lets it count.',
      },
      Silent: {
        status: 'Unknown',
        means: 'Its lease ran out. The message says what is waited for.',
        todo: 'Look at the host and its network.',
      },
      FencingInProgress: { status: 'Unknown', means: 'The fencing command runs.' },
      FencingFailed: {
        status: 'Unknown',
        means: 'The fencing command did not succeed; the message has its words. It is tried again every 30 s.',
        todo: 'Mend the command or its device. If you know that the host is off, make the command succeed.',
      },
      OthersRunThere: {
        status: 'Unknown',
        means:
          'It could be fenced, but machines run there that are not for failover and would go down with it; the message names them. By default they are spared.',
        todo: 'Bring the host back, or have it powered off all the same: `kubectl annotate node NAME berth/fence=requested`. With `failover.fencing.others: powerOff` nobody is asked.',
      },
      NoEvidence: {
        status: 'Unknown',
        means: 'Nothing can show that the host is dead, so its machines are started nowhere else.',
        todo: 'Configure `failover.fencing` or a watchdog. Machines go on when the host is back.',
      },
      FailoverFrozen: {
        status: 'Unknown',
        means:
          'More than half of the hosts were lost at once, which is more likely a fault of the network. No host is fenced and nothing is failed over.',
        todo: 'Mend the network. It goes on by itself when half of the hosts are heard.',
      },
    },
  },
})

export const FAILOVER_CONDITIONS = defineConditions('VirtualMachine (host lost)', {
  Failover: {
    means: 'It was started on another host because its own was dead; the message names the evidence.',
    reasons: {
      FailedOver: { status: 'True', means: 'It was.' },
      WaitingForHost: {
        status: 'False',
        means: 'Its host is not heard of, and it is not started elsewhere; the message says why. It runs on if it did.',
        todo: 'Bring the host back. For failover: annotation `berth/failover: enabled`, and all disks in shared storage classes.',
      },
      WaitingForEvidence: {
        status: 'False',
        means: 'Its host is not heard of, and not known to be dead yet; the message says what is waited for.',
        todo: 'See the condition HostDead of the Node.',
      },
      WaitingForPlace: {
        status: 'False',
        means: 'Its host is dead, and no other one can take it; the message says what they lack.',
        todo: '`berth explain vm NAME` lists every host. Make room.',
      },
    },
  },
})

export type HostDeadCondition = ConditionOf<typeof HOST_DEAD_CONDITIONS.table>
export type FailoverCondition = ConditionOf<typeof FAILOVER_CONDITIONS.table>
