// What the conditions of an operation that moves a machine may say. Types and reasons are DVP's (vmopcondition).
import { type ConditionOf, defineConditions } from '../../../lib/conditions.ts'

const NEW_ONE = 'An operation is done once: create a new one when the cause is gone.'
const RUNS_ON = 'The machine runs on where it was.'

export const MOVE_CONDITIONS = defineConditions('VirtualMachineOperation (Migrate, Evict)', {
  Completed: {
    means: 'The machine was moved.',
    reasons: {
      OperationCompleted: {
        status: 'True',
        means: 'It runs on the other host, and nothing of it is left on the first one.',
      },
      MigrationPending: {
        status: 'False',
        means: 'As many moves are under way as may be; the message says which limit.',
        todo: 'Wait, or raise `migration` in the configuration of the scheduler.',
      },
      NotReadyToBeExecuted: {
        status: 'False',
        means:
          'Another operation of the same machine is under way or was asked for earlier, or this scheduler does not rule its hosts; the message says which.',
      },
      WaitingForVirtualMachineToBeReadyToMigrate: {
        status: 'False',
        means:
          'The host of the machine does not answer, or it cannot be moved just now; the message says why. It is given up after 5 min.',
        todo: 'Look at the Node and at the conditions of the machine.',
      },
      TargetUnschedulable: {
        status: 'False',
        means:
          'No other host can take the machine; the message counts the reasons. It is given up after 5 min, at once when the operation names the host that it is on.',
        todo: '`berth explain vm NAME` lists every host. Make room, uncordon a host, or loosen what the machine asks for.',
      },
      MigrationPrepareTarget: {
        status: 'False',
        means: 'The target takes the machine’s objects, fetches base images and makes its disks. It has 5 min for it.',
      },
      WaitingForSyncSlot: {
        status: 'False',
        means: 'The target is prepared; another transfer of one of the two hosts comes first.',
      },
      Syncing: { status: 'False', means: 'Memory, and disks that move along, are being transferred; the guest runs.' },
      NotConverging: {
        status: 'False',
        means: 'The guest writes faster than can be transferred.',
        todo: 'Let it: it is given up by itself. With `force: true` the guest may be slowed down (`liveMigrationPolicy`).',
      },
      SourceSuspended: { status: 'False', means: 'The guest is paused for the last part.' },
      TargetResumed: { status: 'False', means: 'The guest runs on the target; the source is being cleaned up.' },
      OutcomeUnknown: {
        status: 'False',
        means:
          'A host of the move cannot be asked how it ended. The copy at the source stays paused until the target answers or is known dead, so that there are never two. Or a host has obeyed a later word about the machine than this database knows of, as the message says then: nothing is done to the machine.',
        todo: 'Bring the host back, or its fencing to work. If you know how it ended: `berth migrate resolve vm NAME --keep source`, `target` or `disk` (docs/cluster.md, "Unknown outcome").',
      },
      Aborting: {
        status: 'False',
        means:
          'The move was called off, or its unknown outcome was decided for the source; the hosts are giving it up.',
      },
      Aborted: { status: 'False', means: `The move was called off: its operation was deleted. ${RUNS_ON}` },
      PostCopyFailed: {
        status: 'False',
        means:
          'The connection broke during post-copy, or an agent ended at a moment of it that breaks it, when parts of the guest were on both hosts. What was in its memory is lost; it was started anew by its run policy, on the target if that had decided to take it, on the source otherwise.',
        todo: 'Look at the network between the two hosts. Machines that must not lose their memory are moved without `berth/migration-post-copy`.',
      },
      Superseded: { status: 'False', means: 'A stop or restart took its place.' },
      VirtualMachineNotFound: {
        status: 'False',
        means: 'The machine does not exist.',
        todo: `Check \`spec.virtualMachineName\` and the namespace. ${NEW_ONE}`,
      },
      NotApplicableForVirtualMachineRunPolicy: {
        status: 'False',
        means: 'The run policy is AlwaysOff: there is nothing to move.',
      },
      NotApplicableForVirtualMachinePhase: {
        status: 'False',
        means: 'Only a machine that runs can be moved.',
        todo: `Start it, or let it start where there is room. ${NEW_ONE}`,
      },
      NotApplicableForLiveMigrationPolicy: {
        status: 'False',
        means: 'What the operation asks for does not go with the `liveMigrationPolicy` of the machine.',
        todo: `Change \`force\`, the annotation, or the policy. ${NEW_ONE}`,
      },
      OperationFailed: {
        status: 'False',
        means: `It was tried and did not work; the message says why. ${RUNS_ON}`,
        todo: `See the message and the log of the agent that it names. ${NEW_ONE}`,
      },
    },
  },
  SignalSent: {
    means: 'A target was told to prepare.',
    reasons: { SignalSentSuccess: { status: 'True', means: 'It was.' } },
  },
})

export type MoveCondition = ConditionOf<typeof MOVE_CONDITIONS.table>
export type NotMoved = Extract<MoveCondition, { type: 'Completed'; status: 'False' }>['reason']
