// What a scheduler says of machines and hosts beside what their agents say.
import { type ConditionOf, defineConditions } from '../../lib/conditions.ts'

export const CLUSTER_VM_CONDITIONS = defineConditions('VirtualMachine (said by a scheduler)', {
  Running: {
    means: 'The guest runs.',
    reasons: {
      PodNotStarted: {
        status: 'False',
        means:
          'It is wanted to run and has no host yet, or its host has not begun; the message says what every host lacks (`0/3 nodes: …`), or what is waited for.',
        todo: '`berth explain vm NAME` lists every host. Make room, or change what the message names; it is tried again by itself whenever a host or a machine changes.',
      },
      NotRunning: {
        status: 'False',
        means: 'It is not wanted to run, and has no host yet.',
        todo: 'To start it: `berth start NAME`, or a run policy that keeps it on.',
      },
      NodeStatusUnknown: {
        status: 'Unknown',
        means:
          'Its host is not heard of. The machine runs on if it did, and is started nowhere else before its host is known to be dead; the rest of the status is the last that was told.',
        todo: 'Look at the host and at the network between it and the scheduler; see the condition Ready of the Node.',
      },
      HostGone: {
        status: 'Unknown',
        means:
          'Its host is no member of the cluster any more, and nobody has said that the machine does not run there.',
        todo: 'Let the host join again under its name, or see docs/cluster-objects.md, "A host that is gone".',
      },
      StaleEpoch: {
        status: 'Unknown',
        means:
          'A host has obeyed a higher epoch of it than the scheduler knows: the database is older than what became of the machine. Nothing is done to it, anywhere; where it runs, it runs on.',
        todo: 'After a restore: stop the scheduler, `berth-scheduler --rebuild --missing NODE=URL...` with all hosts. See docs/cluster-objects.md, "An older database".',
      },
      Preempted: {
        status: 'False',
        means: 'It was stopped to make room for a machine of higher priority, and waits for room itself.',
        todo: 'Make room, or give it a higher `priorityClassName`.',
      },
    },
  },
})

export const CLUSTER_NODE_CONDITIONS = defineConditions('Node (said by a scheduler)', {
  Ready: {
    means: 'Machines can be started there.',
    reasons: {
      NodeStatusUnknown: {
        status: 'Unknown',
        means:
          'The host is not heard of: its lease ran out, or its agent cannot be reached. Machines on it run on as far as the host does.',
        todo: 'Look at the host, its agent (`systemctl status berth-agent`) and the network.',
      },
    },
  },
  KnownToScheduler: {
    means: 'All that the host was ever given by a scheduler is known to this one.',
    reasons: {
      AllKnown: { status: 'True', means: 'It is.' },
      Orphaned: {
        status: 'False',
        means: 'The host has objects of a scheduler that this one does not know; they run on and are never deleted.',
        todo: 'See docs/cluster-objects.md, "Orphans": `berth-scheduler --rebuild --missing NODE=URL` takes them up.',
      },
    },
  },
})

export type ClusterVmCondition = ConditionOf<typeof CLUSTER_VM_CONDITIONS.table>
export type ClusterNodeCondition = ConditionOf<typeof CLUSTER_NODE_CONDITIONS.table>
