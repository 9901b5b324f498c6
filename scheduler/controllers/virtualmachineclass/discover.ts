// Of which hosts a class of the CPU type Discovery is made, and whether it has to be made anew. Pure.
import { isDeepStrictEqual } from 'node:util'
import { discoveryNodes } from '../../../lib/placement/class/cpu.ts'
import {
  type CpuBaselineAsk,
  cpuDigest,
  type Discovery,
  discoveryOf,
  type Node,
  nodeCpuOf,
  type VirtualMachineClass,
} from '../../../schemas/index.ts'

export type DiscoveryStep =
  /** It is of another type. */
  | { readonly do: 'skip' }
  /** What was found holds; in words, what is otherwise by now. */
  | { readonly do: 'keep'; readonly since: string }
  | { readonly do: 'wait'; readonly why: string }
  | {
      readonly do: 'ask'
      readonly ask: CpuBaselineAsk
      readonly nodes: Discovery['nodes']
      /** Hosts whose libvirt can say it: the answer depends on the accelerator. Sorted. */
      readonly of: readonly string[]
    }

/** Machines were started with what was found: while any names the class it stays, whatever hosts come or change (DVP: computed at creation). */
export function planDiscovery(vmClass: VirtualMachineClass, nodes: readonly Node[], isUsed: boolean): DiscoveryStep {
  if (vmClass.spec.cpu.type !== 'Discovery') return { do: 'skip' }
  const known = discoveryOf(vmClass)
  const found = discoveryNodes(vmClass, nodes).flatMap((node) => {
    const cpu = nodeCpuOf(node)
    return cpu === null ? [] : [{ name: node.metadata.name, cpu }]
  })
  found.sort((a, b) => (a.name < b.name ? -1 : 1))
  const made = found.map(({ name, cpu }) => ({ name, cpu: cpuDigest(cpu.hostModel) }))
  if (known !== null && (isUsed || found.length === 0 || isDeepStrictEqual(made, known.nodes)))
    return { do: 'keep', since: sinceWords(known.nodes, made) }
  if (found.length === 0)
    return { do: 'wait', why: 'no host has the labels of cpu.discovery.nodeSelector and has told of its CPU' }
  // What emulation cannot give, a machine of the class cannot have on all of them.
  const accelerator = found.some(({ cpu }) => cpu.accelerator === 'qemu') ? 'qemu' : 'kvm'
  return {
    do: 'ask',
    ask: { accelerator, cpus: [...new Set(found.map(({ cpu }) => cpu.hostModel))] },
    nodes: made,
    of: found.filter(({ cpu }) => cpu.accelerator === accelerator).map(({ name }) => name),
  }
}

/** Empty when nothing is otherwise. */
function sinceWords(known: Discovery['nodes'], made: Discovery['nodes']): string {
  // After a rebuild of the database nobody knows.
  if (known.length === 0) return ''
  const names = (nodes: Discovery['nodes']) => nodes.map(({ name }) => name)
  const gone = names(known).filter((name) => !names(made).includes(name))
  const come = names(made).filter((name) => !names(known).includes(name))
  const changed = made.filter(({ name, cpu }) => known.some((each) => each.name === name && each.cpu !== cpu))
  return [
    ...(come.length === 0 ? [] : [`${come.join(', ')} came since`]),
    ...(gone.length === 0 ? [] : [`${gone.join(', ')} went since`]),
    ...(changed.length === 0 ? [] : [`the CPU of ${names(changed).join(', ')} is another one since`]),
  ].join('; ')
}
