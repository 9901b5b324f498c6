// Matching of labels and fields against selectors (Kubernetes' semantics).
import type { LabelSelector, Labels, NodeTerm, Requirement } from './types.ts'

const WHOLE_NUMBER = /^-?\d{1,15}$/

/** Whether a value, or its absence, satisfies one line. Unknown operators are satisfied by nothing. */
export function satisfies(actual: string | undefined, { operator, values = [] }: Requirement): boolean {
  switch (operator) {
    case 'In':
      return actual !== undefined && values.includes(actual)
    case 'NotIn':
      return actual === undefined || !values.includes(actual)
    case 'Exists':
      return actual !== undefined
    case 'DoesNotExist':
      return actual === undefined
    case 'Gt':
    case 'Lt':
      return compares(actual, values[0], operator)
    default:
      return false
  }
}

function compares(actual: string | undefined, bound: string | undefined, operator: 'Gt' | 'Lt'): boolean {
  if (actual === undefined || bound === undefined || !WHOLE_NUMBER.test(actual) || !WHOLE_NUMBER.test(bound)) {
    return false
  }
  return operator === 'Gt' ? Number(actual) > Number(bound) : Number(actual) < Number(bound)
}

const labelValue = (labels: Labels, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? labels[key] : undefined

/** A selector as lines; `matchLabels` is a short form of `In`. */
export const linesOf = ({ matchLabels = {}, matchExpressions = [] }: LabelSelector): readonly Requirement[] => [
  ...Object.entries(matchLabels).map(([key, value]) => ({ key, operator: 'In', values: [value] })),
  ...matchExpressions,
]

/** The lines that labels do not satisfy. */
export const unsatisfied = (labels: Labels, lines: readonly Requirement[]): readonly Requirement[] =>
  lines.filter((line) => !satisfies(labelValue(labels, line.key), line))

/** Whether labels satisfy a selector: the empty one matches everything, an absent one nothing. */
export const matches = (selector: LabelSelector | undefined, labels: Labels): boolean =>
  selector !== undefined && unsatisfied(labels, linesOf(selector)).length === 0

/** Whether a node satisfies all of one alternative; an empty alternative matches nothing. */
export function matchesNodeTerm(
  name: string,
  labels: Labels,
  { matchExpressions = [], matchFields = [] }: NodeTerm,
): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false
  const field = (line: Requirement) => line.key === 'metadata.name' && satisfies(name, line)
  return unsatisfied(labels, matchExpressions).length === 0 && matchFields.every(field)
}

/** One line for people: `zone In (a, b)`. */
export const describe = ({ key, operator, values = [] }: Requirement): string =>
  values.length === 0 ? `${key} ${operator}` : `${key} ${operator} (${values.join(', ')})`
