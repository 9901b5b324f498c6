// What a class of the CPU type Discovery came to: the CPU that its hosts have in common, as libvirt found it. The server that has the class keeps
// it in the status; to a host's copy it goes along as an annotation, as statuses do not travel.
import { isBound } from '../cluster/bound.ts'
import type { VirtualMachineClass } from './schema.ts'

/** A CPU of libvirt: a named model with what differs from it. */
export interface DiscoveredCpu {
  readonly model: string
  readonly features: readonly { readonly name: string; readonly policy: 'require' | 'disable' }[]
  /** All features that a guest gets, those of the model too. Sorted. */
  readonly enabled: readonly string[]
}

/** `status.berth.discovered`. */
export interface Discovery extends DiscoveredCpu {
  /** What it was made of: hosts, each with a digest of its CPU. Sorted by name. */
  readonly nodes: readonly { readonly name: string; readonly cpu: string }[]
}

/** Annotation of a host's copy: the {@link DiscoveredCpu} as JSON. On any other object it means nothing. */
export const DISCOVERED_CPU = 'berth/discovered-cpu'

const NAME = /^[A-Za-z0-9_.-]{1,63}$/

type Parts = Pick<VirtualMachineClass, 'apiVersion' | 'kind' | 'metadata' | 'status'> & {
  readonly spec: Pick<VirtualMachineClass['spec'], 'cpu'>
}

/** Null for other types, and while nothing is found yet. */
export function discoveredOf(vmClass: Parts): DiscoveredCpu | null {
  if (vmClass.spec.cpu.type !== 'Discovery') return null
  return isBound(vmClass) ? parse(vmClass.metadata.annotations?.[DISCOVERED_CPU]) : discoveryOf(vmClass)
}

/** What this server found, and of what. */
export const discoveryOf = ({ status }: Pick<Parts, 'status'>): Discovery | null =>
  (status as { readonly berth?: { readonly discovered?: Discovery } } | undefined)?.berth?.discovered ?? null

/** The status with what was found. */
export const withDiscovery = (
  status: VirtualMachineClass['status'],
  discovered: Discovery,
): VirtualMachineClass['status'] =>
  ({
    phase: 'Pending',
    ...status,
    berth: { ...(status as { readonly berth?: object } | undefined)?.berth, discovered },
  }) as VirtualMachineClass['status']

/** The class as it goes to a host. */
export function carryingDiscovered<T extends Parts>(vmClass: T): T {
  const { [DISCOVERED_CPU]: _, ...annotations } = vmClass.metadata.annotations ?? {}
  const found = discoveredOf(vmClass)
  const carried = found === null ? {} : { [DISCOVERED_CPU]: JSON.stringify(cpuOf(found)) }
  return { ...vmClass, metadata: { ...vmClass.metadata, annotations: { ...annotations, ...carried } } }
}

/** What a host's copy carries; null when that is nothing. */
export const carriedBy = ({ metadata }: Pick<Parts, 'metadata'>): DiscoveredCpu | null =>
  parse(metadata.annotations?.[DISCOVERED_CPU])

const cpuOf = ({ model, features, enabled }: DiscoveredCpu): DiscoveredCpu => ({ model, features, enabled })

function parse(text: string | undefined): DiscoveredCpu | null {
  if (text === undefined) return null
  try {
    const { model, features, enabled } = JSON.parse(text) as DiscoveredCpu
    const isWhole =
      NAME.test(model) &&
      enabled.every((name) => NAME.test(name)) &&
      features.every(({ name, policy }) => NAME.test(name) && (policy === 'require' || policy === 'disable'))
    return isWhole ? { model, features, enabled } : null
  } catch {
    return null
  }
}
