// What is wrong with a PriorityClass beyond its schema (Kubernetes' own rules).
import type { FieldError } from '../../lib/errors.ts'
import { forbidden, ruleOf, when } from '../errors.ts'
import type { Rule } from '../kind.ts'
import type { PriorityClass } from './schema.ts'

/** Above it are Kubernetes' own classes. */
export const HIGHEST_USER_PRIORITY = 1_000_000_000
const RESERVED = 'system-'

type Check = (priorityClass: PriorityClass, old: PriorityClass | null) => readonly FieldError[]

export const valueIsForUsers: Check = ({ value }) =>
  when(value > HIGHEST_USER_PRIORITY, () => forbidden('value', `the greatest value is ${HIGHEST_USER_PRIORITY}`))

export const nameIsForUsers: Check = ({ metadata }) =>
  when(metadata.name.startsWith(RESERVED), () =>
    forbidden('metadata.name', `names with the prefix "${RESERVED}" are reserved for classes of the system`),
  )

/** Machines were placed by it: another class is the way to another value. */
export const valueIsImmutable: Check = (priorityClass, old) =>
  (['value', 'preemptionPolicy'] as const).flatMap((field) =>
    when(old !== null && old[field] !== priorityClass[field], () => forbidden(field, 'is immutable')),
  )

export const PRIORITY_CLASS_RULES: readonly Rule[] = [valueIsForUsers, nameIsForUsers, valueIsImmutable].map(ruleOf)
