// CPU classes over hosts: which hosts can run a class, what a class of the type Discovery comes to, what more its hosts have in common. Pure.
// Hosts tell their models and features in labels, as libvirt spelled them out for the hypervisor there.
import type { Node, VirtualMachineClass } from '../../../schemas/index.ts'
import { discoveredOf } from '../../../schemas/virtualmachineclass/discovered.ts'
import { acceleratorOf } from '../adapt.ts'
import { CPU_FEATURE_LABEL, CPU_MODEL_LABEL } from '../cpu-labels.ts'
import { linesOf, unsatisfied } from '../selectors.ts'
import type { LabelSelector } from '../types.ts'

const labelsOf = ({ metadata }: Node) => metadata.labels ?? {}

export const matchesNode = (selector: LabelSelector | undefined, node: Node): boolean =>
  unsatisfied(labelsOf(node), linesOf(selector ?? {})).length === 0

/** Features that guests can have on a host. */
export function featuresOf(node: Node): readonly string[] {
  const prefix = `${CPU_FEATURE_LABEL}/`
  return Object.entries(labelsOf(node)).flatMap(([key, value]) =>
    key.startsWith(prefix) && value === 'true' ? [key.slice(prefix.length)] : [],
  )
}

/** What all of them have, sorted; nothing of none. */
export function commonFeatures(nodes: readonly Node[]): readonly string[] {
  const [first, ...others] = nodes.map((node) => new Set(featuresOf(node)))
  return [...(first ?? [])].filter((feature) => others.every((each) => each.has(feature))).sort()
}

/** Hosts that a class of the type Discovery looks at: those that its selector means and that have told of their CPU. */
export const discoveryNodes = ({ spec }: VirtualMachineClass, nodes: readonly Node[]): readonly Node[] =>
  nodes.filter((node) => matchesNode(spec.cpu.discovery?.nodeSelector, node) && featuresOf(node).length > 0)

/** In words, why machines of the class cannot run on a host; null when they can. */
export function classNodeProblem(vmClass: VirtualMachineClass, node: Node): string | null {
  if (!matchesNode(vmClass.spec.nodeSelector, node)) return "it has not the labels of the class's nodeSelector"
  return cpuProblem(vmClass, node)
}

function cpuProblem(vmClass: VirtualMachineClass, node: Node): string | null {
  const { cpu } = vmClass.spec
  switch (cpu.type) {
    case 'Host':
      return null
    case 'HostPassthrough':
      return acceleratorOf(node) === 'kvm' ? null : 'cpu.type HostPassthrough needs KVM'
    case 'Model':
      return labelsOf(node)[`${CPU_MODEL_LABEL}/${cpu.model}`] === 'true'
        ? null
        : `the CPU model ${cpu.model} does not run there`
    case 'Features':
      return lacking(cpu.features ?? [], node)
    case 'Discovery': {
      const found = discoveredOf(vmClass)
      return found === null ? 'the common CPU of its hosts is not found yet' : lacking(found, node)
    }
  }
}

function lacking(features: readonly string[], node: Node): string | null {
  const have = new Set(featuresOf(node))
  const missing = features.filter((feature) => !have.has(feature))
  return missing.length === 0 ? null : `its CPU lacks ${missing.join(', ')}`
}

/** Features that guests of the class get, as far as the class names them. */
export function enabledFeatures(vmClass: VirtualMachineClass): readonly string[] {
  const { cpu } = vmClass.spec
  return cpu.type === 'Features' ? (cpu.features ?? []) : (discoveredOf(vmClass) ?? [])
}
