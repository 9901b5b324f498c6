// What `program.ts` gives the files that add verbs to it.
import type { Command } from 'commander'
import type { Session } from '../session.ts'

/** What a verb does: options first, arguments after. */
export type Work<A extends readonly unknown[], O> = (session: Session, options: O, ...args: A) => Promise<void>

export interface Parts {
  verb(text: string, description: string): Command
  /** An action with a session. What it does is loaded when it is called. */
  action<A extends readonly unknown[], O>(load: () => Promise<Work<A, O>>): (...given: unknown[]) => Promise<void>
}
