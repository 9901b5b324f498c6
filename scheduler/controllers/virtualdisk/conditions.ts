// What a scheduler says of a disk while no host speaks of it.
import { type ConditionOf, defineConditions } from '../../../lib/conditions.ts'

export const CLUSTER_DISK_CONDITIONS = defineConditions('VirtualDisk (said by a scheduler)', {
  Ready: {
    means: 'Machines can use the disk.',
    reasons: {
      WaitingForFirstConsumer: {
        status: 'False',
        means:
          'The disk is made where the first machine that names it gets its place; the message says what that waits for.',
        todo: 'Create or start the machine. See its condition Running when it waits itself.',
      },
      StorageClassIsNotReady: {
        status: 'False',
        means: 'The disk waits for its StorageClass, which does not exist, or for one that is the default.',
        todo: 'Create the class, or name another one.',
      },
      ProvisioningNotStarted: {
        status: 'False',
        means: 'The disk was given to a host, or no host can take it; the message says which.',
        todo: 'With no host: see `kubectl get nodes`, and make room on one.',
      },
      StaleEpoch: {
        status: 'Unknown',
        means:
          'A host has obeyed a higher epoch of the disk than the scheduler knows: the database is older than what became of it. Nothing is done to it on any host; its data stays where it is, and machines that name it wait.',
        todo: 'After a restore: stop the scheduler, `berth-scheduler --rebuild --missing NODE=URL...` with all hosts. See docs/cluster-objects.md, "An older database".',
      },
      NodeStatusUnknown: {
        status: 'Unknown',
        means: 'The host that has the disk is not heard of. Its data is nowhere else unless the class is shared.',
        todo: 'Bring the host back; see the condition Ready of the Node.',
      },
    },
  },
})

export type ClusterDiskCondition = ConditionOf<typeof CLUSTER_DISK_CONDITIONS.table>
