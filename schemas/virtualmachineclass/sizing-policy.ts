// A class's table of sizes applied to a VM: which row counts, what it allows, which core fraction it gives.
import type { FieldError } from '../../lib/errors.ts'
import { canonicalQuantity, formatBytes, toBytes } from '../../lib/quantity.ts'
import { invalid } from '../errors.ts'
import type { VirtualMachineSpec } from '../virtualmachine/schema.ts'
import type { SizingPolicy, VirtualMachineClassSpec } from './schema.ts'

/** What of a VM is measured. */
export type Sized = Pick<VirtualMachineSpec, 'cpu' | 'memory'>

type ClassSizes = Pick<VirtualMachineClassSpec, 'sizingPolicies'>

/** What DVP adds to every refusal. */
export const SIZING_HINT =
  'check the sizing policy of the VirtualMachineClass or contact the administrator for more information'

/** The row that a number of cores belongs to. */
export const matchingPolicy = ({ sizingPolicies = [] }: ClassSizes, cores: number): SizingPolicy | undefined =>
  sizingPolicies.find((policy) => cores >= policy.cores.min && cores <= policy.cores.max)

/** The guaranteed share of each core: the VM's own, else its row's default, else all of it. */
export const effectiveCoreFraction = (vm: Sized, classSpec: ClassSizes): string =>
  vm.cpu.coreFraction ?? matchingPolicy(classSpec, vm.cpu.cores)?.defaultCoreFraction ?? '100%'

/** What of a VM its class does not allow; nothing when the class has no table. The texts are DVP's. */
export function sizingProblems(vm: Sized, className: string, classSpec: ClassSizes): readonly FieldError[] {
  const policies = classSpec.sizingPolicies ?? []
  if (policies.length === 0) return []
  const policy = matchingPolicy(classSpec, vm.cpu.cores)
  if (!policy) {
    const ranges = policies.map(({ cores }) => `${cores.min}-${cores.max}`).join(', ')
    return [
      invalid(
        'spec.cpu.cores',
        `does not match any sizing policy of VirtualMachineClass "${className}": its ${vm.cpu.cores} CPU core(s) fall outside ` +
          `the allowed ranges (${ranges}); set the number of cores (spec.cpu.cores) accordingly`,
      ),
    ]
  }
  return [
    ...coresProblems(vm, policy),
    ...fractionProblems(effectiveCoreFraction(vm, classSpec), policy),
    ...memoryProblems(vm, policy),
    ...perCoreProblems(vm, policy),
  ]
}

/** All problems in one text for a condition or a refusal, with DVP's hint; empty when there are none. */
export function sizingMessage(problems: readonly FieldError[], className: string): string {
  const [first, ...more] = problems.map(({ message }) => message)
  if (first === undefined) return ''
  if (more.length === 0) return `${first}\n${SIZING_HINT}`
  const heading = `does not match the sizing policy of VirtualMachineClass "${className}" for several reasons:`
  return [heading, ...[first, ...more].map((message) => `- ${message}`), SIZING_HINT].join('\n')
}

function coresProblems({ cpu: { cores } }: Sized, policy: SizingPolicy): readonly FieldError[] {
  const { min, max, step } = policy.cores
  const near = step === undefined ? null : offGrid(BigInt(cores), BigInt(min), BigInt(max), BigInt(step))
  if (!near) return []
  return [
    invalid(
      'spec.cpu.cores',
      `the number of CPU cores (${cores}) does not match the sizing policy step; ` +
        `set the number of cores (spec.cpu.cores) to ${near.lower} or ${near.upper}`,
    ),
  ]
}

function fractionProblems(fraction: string, { coreFractions = [] }: SizingPolicy): readonly FieldError[] {
  if (coreFractions.length === 0 || coreFractions.includes(fraction)) return []
  return [
    invalid(
      'spec.cpu.coreFraction',
      `the CPU core fraction "${fraction}" is not allowed; ` +
        `set the core fraction (spec.cpu.coreFraction) to one of: ${coreFractions.join(', ')}`,
    ),
  ]
}

interface Range {
  readonly min?: string | number
  readonly max?: string | number
}

/** Bytes of both ends; a missing or zero end is open. */
const ends = (range: Range): { min: bigint | null; max: bigint | null } => ({
  min: open(range.min),
  max: open(range.max),
})

function open(end: string | number | undefined): bigint | null {
  const bytes = end === undefined ? 0n : toBytes(end)
  return bytes === 0n ? null : bytes
}

const outside = (value: bigint, { min, max }: ReturnType<typeof ends>): boolean =>
  (min !== null && value < min) || (max !== null && value > max)

/** The range in words, both ends multiplied. */
function inWords({ min, max }: ReturnType<typeof ends>, factor = 1n): string {
  const text = (bytes: bigint) => formatBytes(bytes * factor)
  if (min !== null && max !== null) return `between ${text(min)} and ${text(max)}`
  if (min !== null) return `to at least ${text(min)}`
  return max === null ? '' : `to at most ${text(max)}`
}

function memoryProblems({ memory: { size } }: Sized, { memory = {} }: SizingPolicy): readonly FieldError[] {
  const bytes = toBytes(size)
  const range = ends(memory)
  const text = canonicalQuantity(size)
  if (outside(bytes, range)) {
    return [
      tooFar(
        `the memory size (${text}) is out of the range allowed by the sizing policy; ${setMemory(inWords(range))}`,
      ),
    ]
  }
  const near = stepOff(bytes, range, memory.step)
  if (!near) return []
  const choice = `to ${formatBytes(near.lower)} or ${formatBytes(near.upper)}`
  return [tooFar(`the memory size (${text}) does not match the sizing policy step; ${setMemory(choice)}`)]
}

const tooFar = (message: string): FieldError => invalid('spec.memory.size', message)
const setMemory = (choice: string): string => `set the memory size (spec.memory.size) ${choice}`
const OR_CORES = 'or change the number of cores (spec.cpu.cores)'

/** Memory per core counts in whole bytes, as DVP divides it; the messages speak of the VM's memory in all. */
function perCoreProblems(vm: Sized, { memory }: SizingPolicy): readonly FieldError[] {
  const range = ends(memory?.perCore ?? {})
  const cores = BigInt(vm.cpu.cores)
  const perCore = toBytes(vm.memory.size) / cores
  const text = canonicalQuantity(vm.memory.size)
  if (outside(perCore, range)) {
    const allowed = inWords(range).replace(/^to /, '')
    return [
      tooFar(
        `the memory size (${text}) is not allowed for ${cores} CPU core(s); ${setMemory(inWords(range, cores))}, ` +
          `${OR_CORES} (the sizing policy allows ${allowed} of memory per core)`,
      ),
    ]
  }
  const near = stepOff(perCore, range, memory?.step)
  if (!near) return []
  const choice = `to ${formatBytes(near.lower * cores)} or ${formatBytes(near.upper * cores)}`
  return [
    tooFar(
      `the memory size (${text}) does not match the per-core sizing policy step for ${cores} CPU core(s); ` +
        `${setMemory(choice)}, ${OR_CORES}`,
    ),
  ]
}

/** Steps need an upper end, as in DVP. */
function stepOff(value: bigint, { min, max }: ReturnType<typeof ends>, step: string | number | undefined): Near | null {
  const width = open(step)
  return max === null || width === null ? null : offGrid(value, min ?? 0n, max, width)
}

interface Near {
  readonly lower: bigint
  readonly upper: bigint
}

/** Neighbours of a value within [min, max] that is on no step from `min` and is not `max`; null when it is. */
function offGrid(value: bigint, min: bigint, max: bigint, step: bigint): Near | null {
  const lower = min + ((value - min) / step) * step
  if (value === lower || value === max) return null
  const upper = lower + step
  return { lower, upper: upper < max ? upper : max }
}
