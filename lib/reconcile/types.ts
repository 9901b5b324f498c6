// The contract of a controller: a name in, an outcome out; the queue owns retries.
import type { ReconcileLog } from './log.ts'

/** What one pass came to. A wait has a duration and a reason; a fault is thrown (and retried with backoff). */
export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'again'; readonly afterMs: number; readonly why: string }

export const DONE: Outcome = { kind: 'done' }
export const again = (afterMs: number, why: string): Outcome => ({ kind: 'again', afterMs, why })

/** The pass under way, for the reconciler in it. */
export interface Pass {
  /**
   * When called, says that the pass now looks at everything anew: what was asked for up to this moment is covered and brings no
   * other pass. Without it each request during a pass brings one more.
   */
  looking(): void
  /** Each line has `controller`, `key` and `reconcileId` of the pass; also good for what goes on when it has ended. */
  readonly log: ReconcileLog
}

/** Level-triggered: gets a name (see `toKey`), never an event, and must be safe to run twice. One pass at a time per key. */
export interface Reconciler {
  reconcile(key: string, signal: AbortSignal, pass: Pass): Promise<Outcome>
}

/** Thrown for a fault that only a new spec can mend: recorded, not retried until the object changes. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError'
}
