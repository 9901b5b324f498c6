// What a simulated agent answers to a binding: the contract's refusals, in words and numbers. Pure.
import { toBytes } from '../../../lib/quantity.ts'
import type { ClaimAsk } from '../../../schemas/cluster/claim.ts'
import type { HostBinding, VirtualMachine } from '../../../schemas/index.ts'

const MIB = 1_048_576
const OVERHEAD = { baseMiB: 240, perCoreMiB: 8 }

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
export function needOf({ spec }: VirtualMachine): Room {
  const fraction = /^(\d+)%$/.exec(spec.cpu.coreFraction ?? '100%')?.[1] ?? '100'
  return {
    milliCores: spec.cpu.cores * Number(fraction) * 10,
    memoryBytes: Number(toBytes(spec.memory.size)) + (OVERHEAD.baseMiB + OVERHEAD.perCoreMiB * spec.cpu.cores) * MIB,
  }
}

/** Whether the binding takes room: an owner's machine that is to run, and one that is to come. */
export function takesRoom(binding: HostBinding): boolean {
  const vm = vmOf(binding)
  if (vm === null || binding.spec.deleted === true || binding.spec.role === 'Released') return false
  return binding.spec.role === 'Target' || vm.spec.runPolicy !== 'AlwaysOff'
}

export const sumOf = (needs: readonly Room[]): Room => ({
  milliCores: needs.reduce((sum, { milliCores }) => sum + milliCores, 0),
  memoryBytes: needs.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
})

/** Why there is no room for the binding; null when there is. `taken`: by all other machines here. */
export function roomRefusal(
  next: HostBinding,
  before: HostBinding | null,
  { capacity, taken }: { readonly capacity: Room; readonly taken: Room },
): string | null {
  const vm = vmOf(next)
  if (vm === null || !takesRoom(next) || (before !== null && takesRoom(before))) return null
  const need = needOf(vm)
  const free = capacity.milliCores - taken.milliCores
  if (need.milliCores > free)
    return `not enough CPU: ${need.milliCores}m are asked for, ${free}m of ${capacity.milliCores}m are free`
  const bytes = capacity.memoryBytes - taken.memoryBytes
  if (need.memoryBytes > bytes)
    return `not enough memory: ${mib(need.memoryBytes)} MiB are asked for, ${mib(bytes)} MiB of ${mib(capacity.memoryBytes)} MiB are free`
  return null
}

const mib = (bytes: number): number => Math.floor(bytes / MIB)
