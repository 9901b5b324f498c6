// What an Event may say: its reasons are declared first, with what they mean.
import type { Advice } from '../advice.ts'

declare const declared: unique symbol

/** A reason out of a table of {@link defineEvents}; CamelCase, for programs. */
export type EventReason = string & { readonly [declared]: true }

export interface EventText {
  readonly type: 'Normal' | 'Warning'
  readonly reason: EventReason
  /** A sentence, for people. Never contains secret values. Shortened to 1,024 characters. */
  readonly message: string
}

export interface EventAdvice extends Advice {
  readonly type: EventText['type']
  /** Kinds of the objects that it is about, for people. */
  readonly about: string
}

export interface Events<T extends Readonly<Record<string, EventAdvice>>> {
  readonly table: T
  text(reason: keyof T & string, message: string): EventText
}

export const defineEvents = <const T extends Readonly<Record<string, EventAdvice>>>(table: T): Events<T> => ({
  table,
  text: (reason, message) => {
    const { type } = table[reason] as EventAdvice
    return { type, reason: reason as string as EventReason, message }
  },
})
