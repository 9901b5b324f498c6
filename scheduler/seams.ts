// Where a test may stand between the scheduler and the world, and see or end it there: the store's commits, the programs that power hosts
// off, and what its authority writes and signs. The released program stands nowhere: it has no way to kill itself, whatever its environment
// says.
import type { Store } from '../lib/store/store.ts'
import type { FenceCommand } from './failover/fence.ts'

/** What the cluster's authority does; each is told when it is done, and on disk where it is a file. */
export const AUTHORITY_STEPS = ['authority-made', 'own-certificate-made', 'certificate-signed'] as const

export type AuthorityStep = (typeof AUTHORITY_STEPS)[number]
/** Called at once after the step. Must not throw. */
export type OnAuthorityStep = (step: AuthorityStep) => void

export interface SchedulerSeams {
  /** What the scheduler takes for its store. */
  readonly store: (store: Store) => Store
  /** How hosts are powered off, given the configured programs. */
  readonly fence: (configured: FenceCommand) => FenceCommand
  readonly onAuthorityStep: OnAuthorityStep
}

/** Nobody stands between. */
export const NO_SEAMS: SchedulerSeams = {
  store: (store) => store,
  fence: (configured) => configured,
  onAuthorityStep: () => undefined,
}
