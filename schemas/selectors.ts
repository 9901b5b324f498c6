// Rules of selectors, terms and tolerations: which operators exist and what they need (Kubernetes' own rules).
import type { FieldError } from '../lib/errors.ts'
import { forbidden, invalid, NONE, notSupported, required } from './errors.ts'
import type { LabelSelector, NodeSelectorTerm, Toleration } from './shapes.ts'

interface Requirement {
  readonly key: string
  readonly operator: string
  readonly values?: readonly string[]
}

const LABEL_OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist']
const NODE_OPERATORS = [...LABEL_OPERATORS, 'Gt', 'Lt']
const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

const choice = (path: string, operator: string, operators: readonly string[]) =>
  notSupported(path, `"${operator}" is not one of ${operators.join(', ')}`)

function requirementProblems(path: string, line: Requirement, operators: readonly string[]): readonly FieldError[] {
  const { key, operator, values = [] } = line
  if (key === '') return [required(`${path}.key`, 'a label key is required')]
  if (!operators.includes(operator)) return [choice(`${path}.operator`, operator, operators)]
  if (operator === 'In' || operator === 'NotIn') {
    return values.length > 0 ? NONE : [required(`${path}.values`, `${operator} needs at least one value`)]
  }
  if (operator === 'Gt' || operator === 'Lt') {
    const whole = values.length === 1 && /^-?\d{1,15}$/.test(values[0] ?? '')
    return whole ? NONE : [invalid(`${path}.values`, `${operator} needs exactly one whole number`)]
  }
  return values.length === 0 ? NONE : [forbidden(`${path}.values`, `${operator} takes no values`)]
}

const each = <T>(
  list: readonly T[] | undefined,
  path: string,
  check: (path: string, item: T) => readonly FieldError[],
): readonly FieldError[] => (list ?? []).flatMap((item, index) => check(`${path}[${index}]`, item))

/** What is wrong with a label selector. */
export const selectorProblems = (path: string, selector: LabelSelector | undefined): readonly FieldError[] =>
  each(selector?.matchExpressions, `${path}.matchExpressions`, (at, line) =>
    requirementProblems(at, line, LABEL_OPERATORS),
  )

/** What is wrong with one alternative of a node affinity. `metadata.name` is the only field that can be matched. */
export const nodeTermProblems = (path: string, term: NodeSelectorTerm): readonly FieldError[] => [
  ...each(term.matchExpressions, `${path}.matchExpressions`, (at, line) =>
    requirementProblems(at, line, NODE_OPERATORS),
  ),
  ...each(term.matchFields, `${path}.matchFields`, (at, line) => {
    if (line.key !== 'metadata.name') return [notSupported(`${at}.key`, 'only metadata.name can be matched')]
    if (line.operator !== 'In' && line.operator !== 'NotIn')
      return [choice(`${at}.operator`, line.operator, ['In', 'NotIn'])]
    return line.values?.length === 1 ? NONE : [required(`${at}.values`, 'exactly one name is required')]
  }),
]

function tolerationProblem(path: string, toleration: Toleration): readonly FieldError[] {
  const { key = '', operator = 'Equal', effect = '', value = '', tolerationSeconds } = toleration
  if (operator !== '' && operator !== 'Equal' && operator !== 'Exists') {
    return [choice(`${path}.operator`, operator, ['Equal', 'Exists'])]
  }
  if (key === '' && operator !== 'Exists') {
    return [invalid(`${path}.operator`, 'must be Exists when the key is empty, which tolerates every taint')]
  }
  if (operator === 'Exists' && value !== '') return [invalid(`${path}.value`, 'must be empty with the operator Exists')]
  if (effect !== '' && !EFFECTS.includes(effect)) return [choice(`${path}.effect`, effect, EFFECTS)]
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    return [invalid(`${path}.effect`, 'must be NoExecute when tolerationSeconds is set')]
  }
  return NONE
}

/** What is wrong with a list of tolerations. */
export const tolerationProblems = (path: string, list: readonly Toleration[] | undefined): readonly FieldError[] =>
  each(list, path, tolerationProblem)
