// What is wrong with a VirtualMachineClass (stored version) beyond its schema.
import { isDeepStrictEqual } from 'node:util'
import type { FieldError } from '../../lib/errors.ts'
import { quantityProblem, toBytes } from '../../lib/quantity.ts'
import { forbidden, invalid, notBuilt, required, ruleOf, when } from '../errors.ts'
import type { Rule } from '../kind.ts'
import { selectorProblems, tolerationProblems } from '../selectors.ts'
import type { SizingPolicy, VirtualMachineClass, VirtualMachineClassCpu } from './schema.ts'

type Check = (object: VirtualMachineClass, old: VirtualMachineClass | null) => readonly FieldError[]

/** Guests were started with this CPU; another class is the way to another CPU. */
export const cpuIsImmutable: Check = ({ spec }, old) =>
  when(old !== null && !isDeepStrictEqual(spec.cpu, old.spec.cpu), () => forbidden('spec.cpu', 'is immutable'))

const DETAILS = ['model', 'features', 'discovery'] as const
type Detail = (typeof DETAILS)[number]

/** Types of CPU take certain details and need some of them. */
const takes =
  (types: readonly VirtualMachineClassCpu['type'][], needed: Detail | null, allowed: readonly Detail[]): Check =>
  ({ spec: { cpu } }) => {
    if (!types.includes(cpu.type)) return []
    return [
      ...when(needed !== null && cpu[needed] === undefined, () =>
        required(`spec.cpu.${needed}`, `the type ${cpu.type} requires the field ${needed}`),
      ),
      ...DETAILS.filter((detail) => !allowed.includes(detail) && cpu[detail] !== undefined).map((detail) =>
        forbidden(`spec.cpu.${detail}`, `the type ${cpu.type} cannot have the field ${detail}`),
      ),
    ]
  }

export const hostTakesNoDetails = takes(['Host', 'HostPassthrough'], null, [])
export const discoveryTakesOnlyDiscovery = takes(['Discovery'], null, ['discovery'])
export const modelTakesOnlyModel = takes(['Model'], 'model', ['model'])
export const featuresTakeOnlyFeatures = takes(['Features'], 'features', ['features'])

const policiesOf = ({ spec }: VirtualMachineClass) => spec.sizingPolicies ?? []

const eachPolicy =
  (check: (policy: SizingPolicy, path: string) => readonly FieldError[]): Check =>
  (object) =>
    policiesOf(object).flatMap((policy, index) => check(policy, `spec.sizingPolicies[${index}]`))

export const coresMaximumExceedsMinimum = eachPolicy(({ cores }, path) =>
  when(cores.max <= cores.min, () => invalid(`${path}.cores.max`, 'the maximum must be greater than the minimum')),
)

export const coresMaximumExceedsStep = eachPolicy(({ cores }, path) =>
  when(cores.step !== undefined && cores.max <= cores.step, () =>
    invalid(`${path}.cores.max`, 'the maximum must be greater than the step'),
  ),
)

/** Every number of cores belongs to one row of the table at most, and the rows leave no gap. */
export const policiesAreContiguous: Check = (object) => {
  const rows = policiesOf(object)
    .map(({ cores }, index) => ({ ...cores, path: `spec.sizingPolicies[${index}].cores.min` }))
    .sort((a, b) => a.min - b.min)
  return rows.slice(1).flatMap((row, index) => {
    const before = rows[index]
    if (!before || row.min === before.max + 1) return []
    const fault = row.min <= before.max ? 'overlaps with' : 'leaves a gap after'
    return [invalid(row.path, `the range ${row.min}-${row.max} ${fault} the range ${before.min}-${before.max}`)]
  })
}

export const memoryRangesAreValid = eachPolicy(({ memory }, path) => [
  ...rangeProblems(`${path}.memory`, memory),
  ...rangeProblems(`${path}.memory.perCore`, memory?.perCore),
  ...stepProblems(`${path}.memory.step`, memory?.step),
])

interface Range {
  readonly min?: string | number
  readonly max?: string | number
}

function rangeProblems(path: string, range: Range | undefined): readonly FieldError[] {
  const wrong = (['min', 'max'] as const).flatMap((end) => {
    const value = range?.[end]
    const problem = value === undefined ? null : quantityProblem(value)
    return problem === null ? [] : [invalid(`${path}.${end}`, problem)]
  })
  if (wrong.length > 0 || range?.min === undefined || range.max === undefined) return wrong
  return when(toBytes(range.max) < toBytes(range.min), () =>
    invalid(`${path}.max`, `${range.max} is less than the minimum ${range.min}`),
  )
}

function stepProblems(path: string, step: string | number | undefined): readonly FieldError[] {
  if (step === undefined) return []
  const problem = quantityProblem(step)
  if (problem !== null) return [invalid(path, problem)]
  return when(toBytes(step) <= 0n, () => invalid(path, 'must be greater than 0'))
}

export const placementIsValid: Check = ({ spec }) => [
  ...selectorProblems('spec.nodeSelector', spec.nodeSelector),
  ...tolerationProblems('spec.tolerations', spec.tolerations),
]

export const autoCoreFractionIsBuilt = eachPolicy(({ defaultCoreFraction }, path) =>
  when(defaultCoreFraction === 'Auto', () => notBuilt(`${path}.defaultCoreFraction`, 'the core fraction Auto')),
)

export const VIRTUAL_MACHINE_CLASS_RULES: readonly Rule[] = [
  cpuIsImmutable,
  hostTakesNoDetails,
  discoveryTakesOnlyDiscovery,
  modelTakesOnlyModel,
  featuresTakeOnlyFeatures,
  coresMaximumExceedsMinimum,
  coresMaximumExceedsStep,
  policiesAreContiguous,
  memoryRangesAreValid,
  placementIsValid,
  autoCoreFractionIsBuilt,
].map(ruleOf)
