// How a table of rules is checked: each rule passes its good examples and refuses the bad ones at the named place.
import { describe, expect, it } from 'vitest'
import type { FieldError } from '../../../lib/errors.ts'

export interface RuleCase<T> {
  readonly rule: (object: T, old: T | null) => readonly FieldError[]
  readonly good: readonly (readonly [object: T, old?: T])[]
  readonly bad: readonly (readonly [object: T, path: string, words: RegExp, old?: T])[]
}

/** A describe block per rule, named by the function where it has a name. */
export function checkRules<T>(cases: readonly RuleCase<T>[]): void {
  for (const [position, { rule, good, bad }] of cases.entries()) {
    describe(rule.name || `rule ${position}`, () => {
      for (const [index, [object, old]] of good.entries()) {
        it(`passes example ${index}`, () => expect(rule(object, old ?? null)).toEqual([]))
      }
      for (const [index, [object, path, words, old]] of bad.entries()) {
        it(`refuses example ${index} at ${path}`, () => {
          expect(rule(object, old ?? null)).toEqual([
            { path, reason: expect.stringMatching(/^FieldValue/), message: expect.stringMatching(words) },
          ])
        })
      }
      it('has both kinds of examples', () => expect(Math.min(good.length, bad.length)).toBeGreaterThan(0))
    })
  }
}
