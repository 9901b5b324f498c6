// What a simulated agent answers to a binding: the contract's refusals, in words and numbers. Pure.
import { isToRun } from '../../../agent/cluster/holdings.ts'
import { hostMemoryOf, milliCoresOf } from '../../../lib/placement/requests.ts'
import type { ClaimAsk } from '../../../schemas/cluster/claim.ts'
import type { HostBinding, VirtualMachine } from '../../../schemas/index.ts'
import type { PowerRecord } from '../../../schemas/virtualmachine/power.ts'

const MIB = 1_048_576

export interface Room {
  readonly milliCores: number
  readonly memoryBytes: number
}

/** The highest that a host has seen of schedulers. */
export type Known = ClaimAsk

export const NOBODY: Known = { instance: '', term: 0, revision: '0' }

export const isVm = ({ spec }: HostBinding): boolean => spec.subject.resource.startsWith('virtualmachines.')

export const vmOf = (binding: HostBinding): VirtualMachine | null =>
  isVm(binding) ? ((binding.objects?.[0] as VirtualMachine | undefined) ?? null) : null

/** What the machine takes of its host. */
export const needOf = ({ spec }: VirtualMachine): Room => ({
  milliCores: milliCoresOf(spec),
  memoryBytes: Number(hostMemoryOf(spec)),
})

/** Whether the binding takes room: a machine that is to run here, or to come. `power`: as the host has it. */
export function takesRoom(binding: HostBinding, power: PowerRecord): boolean {
  const vm = vmOf(binding)
  if (vm === null || binding.spec.deleted === true || binding.spec.role === 'Released') return false
  return isToRun(vm, power)
}

export const sumOf = (needs: readonly Room[]): Room => ({
  milliCores: needs.reduce((sum, { milliCores }) => sum + milliCores, 0),
  memoryBytes: needs.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
})

/** Why there is no room for the binding; null when there is. `taken`: by all other machines here. */
export function roomRefusal(
  next: HostBinding,
  before: HostBinding | null,
  { power, ...room }: Free & { readonly power: PowerRecord },
): string | null {
  const vm = vmOf(next)
  if (vm === null || !takesRoom(next, power) || (before !== null && takesRoom(before, power))) return null
  return lackOf(needOf(vm), room)
}

interface Free {
  readonly capacity: Room
  readonly taken: Room
}

/** In words and numbers, what is missing; null when it fits. */
export function lackOf(need: Room, { capacity, taken }: Free): string | null {
  const free = capacity.milliCores - taken.milliCores
  if (need.milliCores > free)
    return `not enough CPU: ${need.milliCores}m are asked for, ${free}m of ${capacity.milliCores}m are free`
  const bytes = capacity.memoryBytes - taken.memoryBytes
  if (need.memoryBytes > bytes)
    return `not enough memory: ${mib(need.memoryBytes)} MiB are asked for, ${mib(bytes)} MiB of ${mib(capacity.memoryBytes)} MiB are free`
  return null
}

const mib = (bytes: number): number => Math.floor(bytes / MIB)
