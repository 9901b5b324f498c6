// Values of a VirtualMachine that a schema cannot judge: sizes, boot order, references, networks.
import { topology } from '../../lib/domain/topology.ts'
import type { FieldError } from '../../lib/errors.ts'
import { formatBytes, quantityProblem, toBytes } from '../../lib/quantity.ts'
import { duplicate, invalid, required, when } from '../errors.ts'
import type { VirtualMachine } from './schema.ts'

type Check = (vm: VirtualMachine) => readonly FieldError[]

/** Below this no firmware starts. */
export const MIN_MEMORY = 4n << 20n
/** DVP's largest VM. */
export const MAX_MEMORY = 1n << 40n
/** About 68 years: the longest that fits 32 bits. */
const MAX_GRACE_SECONDS = 2 ** 31 - 1

export const coresFitTopology: Check = ({ spec: { cpu } }) => {
  const fit = topology(cpu.cores)
  if (fit.ok) return []
  return [
    invalid(
      'spec.cpu.cores',
      `${cpu.cores} cores cannot be spread over sockets; nearest possible: ${fit.nearest.join(' or ')} ` +
        '(1 to 16 by one, to 32 by two, to 64 by four, to 248 by eight)',
    ),
  ]
}

export const memoryIsInRange: Check = ({ spec: { memory } }) => {
  const problem = quantityProblem(memory.size)
  if (problem !== null) return [invalid('spec.memory.size', problem)]
  const bytes = toBytes(memory.size)
  return when(bytes < MIN_MEMORY || bytes > MAX_MEMORY, () =>
    invalid(
      'spec.memory.size',
      `${memory.size} is not between ${formatBytes(MIN_MEMORY)} and ${formatBytes(MAX_MEMORY)}`,
    ),
  )
}

export const blockDevicesAreNamed: Check = ({ spec }) =>
  spec.blockDeviceRefs.flatMap((ref, index) =>
    (['kind', 'name'] as const).flatMap((field) =>
      when(ref[field] === undefined, () => required(`spec.blockDeviceRefs[${index}].${field}`, 'is required')),
    ),
  )

/** Positions whose key was seen before. */
function repeated<T>(list: readonly T[], keyOf: (item: T) => string | number | undefined): readonly number[] {
  const seen = new Set<string | number>()
  return list.flatMap((item, index) => {
    const key = keyOf(item)
    if (key === undefined) return []
    if (seen.has(key)) return [index]
    seen.add(key)
    return []
  })
}

export const blockDevicesAreUnique: Check = ({ spec: { blockDeviceRefs } }) =>
  repeated(blockDeviceRefs, ({ kind, name }) => (kind && name ? `${kind}/${name}` : undefined)).map((index) =>
    duplicate(
      `spec.blockDeviceRefs[${index}]`,
      `the ${blockDeviceRefs[index]?.kind} "${blockDeviceRefs[index]?.name}" is listed twice`,
    ),
  )

export const bootOrderIsUnique: Check = ({ spec: { blockDeviceRefs } }) =>
  repeated(blockDeviceRefs, ({ bootOrder }) => bootOrder).map((index) =>
    duplicate(
      `spec.blockDeviceRefs[${index}].bootOrder`,
      `the boot order ${blockDeviceRefs[index]?.bootOrder} is taken by another device of this VM`,
    ),
  )

export const gracePeriodIsInRange: Check = ({ spec: { terminationGracePeriodSeconds: seconds } }) =>
  when(seconds < 0 || seconds > MAX_GRACE_SECONDS, () =>
    invalid('spec.terminationGracePeriodSeconds', `must be between 0 and ${MAX_GRACE_SECONDS}`),
  )

/** DVP's rules of the main network: first, once, without a name, with the id 1. */
export const mainNetworkIsFirst: Check = ({ spec: { networks = [] } }) =>
  networks.flatMap((network, index) => {
    if (network.type !== 'Main') return []
    const path = `spec.networks[${index}]`
    return [
      ...when(index > 0, () => invalid(`${path}.type`, 'the network Main must be the first and only one of its type')),
      ...when(network.name !== undefined, () => invalid(`${path}.name`, 'the network Main has no name')),
      ...when((network.id ?? 1) !== 1, () => invalid(`${path}.id`, 'the network Main has the id 1')),
    ]
  })

export const VALUE_CHECKS: readonly Check[] = [
  coresFitTopology,
  memoryIsInRange,
  blockDevicesAreNamed,
  blockDevicesAreUnique,
  bootOrderIsUnique,
  gracePeriodIsInRange,
  mainNetworkIsFirst,
]
