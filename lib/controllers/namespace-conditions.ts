// What a Namespace on its way out may say. Types and reasons are Kubernetes'.
import { type ConditionOf, defineConditions } from '../conditions.ts'

export const NAMESPACE_CONDITIONS = defineConditions('Namespace', {
  NamespaceDeletionContentFailure: {
    means: 'Something in the namespace could not be deleted.',
    reasons: {
      ContentDeleted: { status: 'False', means: 'All deletions were taken.' },
      ContentDeletionFailed: {
        status: 'True',
        means: 'The message says what failed; it is tried again.',
        todo: 'Mend what the message says; when it names nothing, see the log of the server.',
      },
    },
  },
  NamespaceContentRemaining: {
    means: 'Objects are left in the namespace.',
    reasons: {
      ContentRemoved: { status: 'False', means: 'None is.' },
      SomeResourcesRemain: {
        status: 'True',
        means: 'The message counts them by kind. A running machine is stopped first, in its grace period.',
        todo: 'Wait; then look at what is left with `berth describe`: the condition Terminating says what holds it.',
      },
    },
  },
  NamespaceFinalizersRemaining: {
    means: 'Finalizers hold objects of the namespace.',
    reasons: {
      ContentHasNoFinalizers: { status: 'False', means: 'None does.' },
      SomeFinalizersRemain: {
        status: 'True',
        means:
          'The message counts them. Those of `virtualization.deckhouse.io` are the agent’s and go when it has cleaned up on the host.',
        todo: 'A finalizer of another program is taken away by that program.',
      },
    },
  },
})

export type NamespaceCondition = ConditionOf<typeof NAMESPACE_CONDITIONS.table>
