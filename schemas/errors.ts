// What rules return, and how a rule is made from a function over a kind's own type.
import type { FieldError } from '../lib/errors.ts'
import type { KubeObject } from '../lib/object.ts'
import type { Rule } from './kind.ts'

type Problem = (path: string, message: string) => FieldError

const problem =
  (reason: FieldError['reason']): Problem =>
  (path, message) => ({ path, reason, message })

export const invalid = problem('FieldValueInvalid')
export const required = problem('FieldValueRequired')
export const forbidden = problem('FieldValueForbidden')
export const duplicate = problem('FieldValueDuplicate')
export const tooLong = problem('FieldValueTooLong')
export const notSupported = problem('FieldValueNotSupported')

/** A field of DVP whose job nobody does yet: refused, so that nobody relies on it. */
export const notBuilt = (path: string, what: string): FieldError => forbidden(path, `${what} is not built yet in Berth`)

export const NONE: readonly FieldError[] = []

/** The errors of a check that finds at most one. */
export const when = (wrong: boolean, error: () => FieldError): readonly FieldError[] => (wrong ? [error()] : NONE)

/** A check over a kind's own type as a {@link Rule}; the schema has made sure of the type. */
export const ruleOf =
  <T extends KubeObject>(check: (object: T, old: T | null) => readonly FieldError[]): Rule =>
  (object, old) =>
    check(object as T, old as T | null)
