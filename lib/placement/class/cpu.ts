// CPU classes over hosts: which hosts can run a class, which hosts a class of the type Discovery is about, what more its hosts have in common. Pure.
// Hosts tell their models and features in labels, as libvirt spelled them out for the hypervisor there.
import { type Node, nodeCpuOf, type VirtualMachineClass } from '../../../schemas/index.ts'
import { discoveredOf } from '../../../schemas/virtualmachineclass/discovered.ts'
import { acceleratorOf } from '../adapt.ts'
import { CPU_FEATURE_LABEL, CPU_MODEL_LABEL } from '../cpu-labels.ts'
import type { Accelerator } from '../facts.ts'
import { matches } from '../selectors.ts'
import type { LabelSelector } from '../types.ts'

/** What guests of a host can have. */
export interface HostCpu {
  /** Null when it is not known. */
  readonly accelerator: Accelerator | null
  /** Named models that start there. */
  readonly models: readonly string[]
  readonly features: readonly string[]
}

const labelsOf = ({ metadata }: Pick<Node, 'metadata'>) => metadata.labels ?? {}

/** Whether the class may be used on the node; a class without a selector may be everywhere. */
export const matchesNode = (selector: LabelSelector | undefined, node: Pick<Node, 'metadata'>): boolean =>
  matches(selector ?? {}, labelsOf(node))

const labelled = (node: Node, label: string): readonly string[] =>
  Object.entries(labelsOf(node)).flatMap(([key, value]) =>
    key.startsWith(`${label}/`) && value === 'true' ? [key.slice(label.length + 1)] : [],
  )

/** Features that guests can have on a host. */
export const featuresOf = (node: Node): readonly string[] => labelled(node, CPU_FEATURE_LABEL)

/** By what its Node says. */
export const hostCpuOf = (node: Node): HostCpu => ({
  accelerator: acceleratorOf(node),
  models: labelled(node, CPU_MODEL_LABEL),
  features: featuresOf(node),
})

/** What all of them have, sorted; nothing of none. */
export function commonFeatures(nodes: readonly Node[]): readonly string[] {
  const [first, ...others] = nodes.map((node) => new Set(featuresOf(node)))
  return [...(first ?? [])].filter((feature) => others.every((each) => each.has(feature))).sort()
}

/** Hosts that a class of the type Discovery is about: those that its selector means and that have told of their CPU. */
export const discoveryNodes = ({ spec }: VirtualMachineClass, nodes: readonly Node[]): readonly Node[] =>
  nodes.filter((node) => matchesNode(spec.cpu.discovery?.nodeSelector, node) && nodeCpuOf(node) !== null)

/** In words, why machines of the class cannot run on a host; null when they can. */
export function classNodeProblem(vmClass: VirtualMachineClass, node: Node): string | null {
  return selectorProblem(vmClass, node) ?? cpuProblem(vmClass, hostCpuOf(node))
}

/** In words; null when the class means the host. */
export const selectorProblem = ({ spec }: VirtualMachineClass, node: Pick<Node, 'metadata'>): string | null =>
  matchesNode(spec.nodeSelector, node) ? null : "the host has not the labels of the class's nodeSelector"

/** In words, why a class's CPU cannot be had on a host; null when it can. */
export function cpuProblem(vmClass: VirtualMachineClass, { accelerator, models, features }: HostCpu): string | null {
  const { cpu } = vmClass.spec
  switch (cpu.type) {
    case 'Host':
      return null
    case 'HostPassthrough':
      return accelerator === 'kvm' ? null : 'cpu.type HostPassthrough needs KVM; guests of the host are emulated'
    case 'Model':
      return models.includes(cpu.model ?? '') ? null : `the CPU model ${cpu.model} does not run on the host`
    case 'Features':
      return lacking(cpu.features ?? [], features)
    case 'Discovery': {
      const found = discoveredOf(vmClass)
      return found === null
        ? 'cpu.type Discovery: the common CPU of its hosts is not found yet'
        : lacking(found.enabled, features)
    }
  }
}

function lacking(wanted: readonly string[], features: readonly string[]): string | null {
  const have = new Set(features)
  const missing = wanted.filter((feature) => !have.has(feature))
  return missing.length === 0 ? null : `the host's CPU lacks ${missing.join(', ')}`
}

/** Features that guests of the class get, as far as the class names them. */
export function enabledFeatures(vmClass: VirtualMachineClass): readonly string[] {
  const { cpu } = vmClass.spec
  return cpu.type === 'Features' ? (cpu.features ?? []) : (discoveredOf(vmClass)?.enabled ?? [])
}
