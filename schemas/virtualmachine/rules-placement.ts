// Rules of a VirtualMachine's placement fields (Kubernetes' own for pods).
import type { FieldError } from '../../lib/errors.ts'
import { invalid, notSupported, required, when } from '../errors.ts'
import { nodeTermProblems, selectorProblems, tolerationProblems } from '../selectors.ts'
import type { VirtualMachineTerm } from './placement.ts'
import type { VirtualMachine } from './schema.ts'

type Check = (vm: VirtualMachine) => readonly FieldError[]

const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution'
const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution'

export const nodeAffinityIsValid: Check = ({ spec: { affinity } }) => {
  const path = 'spec.affinity.nodeAffinity'
  const terms = affinity?.nodeAffinity?.[REQUIRED]?.nodeSelectorTerms
  const preferred = affinity?.nodeAffinity?.[PREFERRED] ?? []
  return [
    ...when(terms?.length === 0, () =>
      required(`${path}.${REQUIRED}.nodeSelectorTerms`, 'at least one alternative is required'),
    ),
    ...(terms ?? []).flatMap((term, index) =>
      nodeTermProblems(`${path}.${REQUIRED}.nodeSelectorTerms[${index}]`, term),
    ),
    ...preferred.flatMap(({ preference }, index) =>
      nodeTermProblems(`${path}.${PREFERRED}[${index}].preference`, preference),
    ),
  ]
}

const termProblems = (path: string, term: VirtualMachineTerm): readonly FieldError[] => [
  ...when(term.topologyKey === '', () => required(`${path}.topologyKey`, 'a label key of nodes is required')),
  ...selectorProblems(`${path}.labelSelector`, term.labelSelector),
  ...selectorProblems(`${path}.namespaceSelector`, term.namespaceSelector),
]

export const virtualMachineAffinityIsValid: Check = ({ spec: { affinity } }) =>
  (['virtualMachineAndPodAffinity', 'virtualMachineAndPodAntiAffinity'] as const).flatMap((field) => {
    const path = `spec.affinity.${field}`
    const rules = affinity?.[field]
    return [
      ...(rules?.[REQUIRED] ?? []).flatMap((term, index) => termProblems(`${path}.${REQUIRED}[${index}]`, term)),
      ...(rules?.[PREFERRED] ?? []).flatMap((item, index) =>
        termProblems(
          `${path}.${PREFERRED}[${index}].virtualMachineAndPodAffinityTerm`,
          item.virtualMachineAndPodAffinityTerm,
        ),
      ),
    ]
  })

const UNSATISFIABLE = ['DoNotSchedule', 'ScheduleAnyway']

export const spreadIsValid: Check = ({ spec: { topologySpreadConstraints = [] } }) =>
  topologySpreadConstraints.flatMap((constraint, index) => {
    const path = `spec.topologySpreadConstraints[${index}]`
    return [
      ...when(constraint.maxSkew < 1, () => invalid(`${path}.maxSkew`, 'must be greater than 0')),
      ...when(constraint.topologyKey === '', () => required(`${path}.topologyKey`, 'a label key of nodes is required')),
      ...when(!UNSATISFIABLE.includes(constraint.whenUnsatisfiable), () =>
        notSupported(
          `${path}.whenUnsatisfiable`,
          `"${constraint.whenUnsatisfiable}" is not one of ${UNSATISFIABLE.join(', ')}`,
        ),
      ),
      ...selectorProblems(`${path}.labelSelector`, constraint.labelSelector),
    ]
  })

export const tolerationsAreValid: Check = ({ spec }) => tolerationProblems('spec.tolerations', spec.tolerations)

export const PLACEMENT_CHECKS: readonly Check[] = [
  nodeAffinityIsValid,
  virtualMachineAffinityIsValid,
  spreadIsValid,
  tolerationsAreValid,
]
