// What a class comes to over all hosts -> its status. Pure. Conditions and reasons are DVP's (vmclasscondition).
import type { ConditionOf } from '../../../lib/conditions.ts'
import { CLASS_CONDITIONS } from '../../../lib/placement/class/conditions.ts'
import { classNodeProblem, commonFeatures, discoveryNodes, enabledFeatures } from '../../../lib/placement/class/cpu.ts'
import { formatBytes, readQuantity, toMilli, toUnits } from '../../../lib/quantity.ts'
import { discoveredOf, type Node, type VirtualMachineClass } from '../../../schemas/index.ts'

export type ClassStatus = NonNullable<VirtualMachineClass['status']>

export interface ClassInputs {
  readonly vmClass: VirtualMachineClass
  readonly before: ClassStatus | undefined
  /** Members of the cluster. */
  readonly nodes: readonly Node[]
  /** `namespace/name` of the machines that name it. */
  readonly usedBy: readonly string[]
  readonly now: number
}

type Said = ConditionOf<typeof CLASS_CONDITIONS.table>

export function classStatus({ vmClass, before, nodes, usedBy, now }: ClassInputs): ClassStatus {
  const judged = nodes.map((node) => ({ node, problem: classNodeProblem(vmClass, node) }))
  const available = judged.filter(({ problem }) => problem === null).map(({ node }) => node)
  const generation = vmClass.metadata.generation ?? 0
  const said: readonly Said[] = [
    readiness(judged),
    discovery(vmClass, nodes),
    {
      type: 'InUse',
      status: usedBy.length > 0 ? 'True' : 'False',
      reason: 'VirtualMachineClassInUse',
      message: usedBy.length > 0 ? `used by ${shown(usedBy)}` : 'no virtual machine uses it',
    },
  ]
  const conditions = said.reduce(
    (list, condition) => CLASS_CONDITIONS.set(list, condition, generation, now),
    before?.conditions ?? [],
  )
  const deleted = vmClass.metadata.deletionTimestamp !== undefined
  return {
    ...before,
    phase: deleted ? 'Terminating' : available.length > 0 ? 'Ready' : 'Pending',
    conditions: [...conditions],
    observedGeneration: generation,
    availableNodes: available.map(({ metadata }) => metadata.name).sort(),
    cpuFeatures: features(vmClass, available),
    maxAllocatableResources: most(available),
  }
}

function readiness(judged: readonly { readonly node: Node; readonly problem: string | null }[]): Said {
  const type = 'Ready'
  if (judged.some(({ problem }) => problem === null)) return { type, status: 'True', reason: 'SuitableNodesFound' }
  const each = judged.map(({ node, problem }) => `${node.metadata.name}: ${problem}`)
  const message = each.length === 0 ? 'the cluster has no host' : shown(each, '; ')
  return { type, status: 'False', reason: 'NoSuitableNodesFound', message }
}

function discovery(vmClass: VirtualMachineClass, nodes: readonly Node[]): Said {
  const type = 'Discovered'
  if (vmClass.spec.cpu.type !== 'Discovery') return { type, status: 'False', reason: 'DiscoverySkip' }
  if (discoveredOf(vmClass) !== null) return { type, status: 'True', reason: 'DiscoverySucceeded' }
  const meant = discoveryNodes(vmClass, nodes)
  const message =
    meant.length === 0
      ? 'no host has the labels of cpu.discovery.nodeSelector and has told of its CPU'
      : `the hosts ${shown(meant.map(({ metadata }) => metadata.name))} have no CPU feature in common`
  return { type, status: 'False', reason: 'DiscoveryFailed', message }
}

function features(vmClass: VirtualMachineClass, available: readonly Node[]): NonNullable<ClassStatus['cpuFeatures']> {
  const enabled = enabledFeatures(vmClass)
  if (enabled.length === 0) return {}
  const common = commonFeatures(available)
  return { enabled: [...enabled], notEnabledCommon: common.filter((feature) => !enabled.includes(feature)) }
}

/** The most that one machine of the class could have: of each amount the largest that a host has. */
function most(available: readonly Node[]): Record<string, string> {
  if (available.length === 0) return {}
  const largest = (name: 'cpu' | 'memory', read: (text: string | number) => bigint) =>
    available
      .flatMap(({ status }) => status?.allocatable?.[name] ?? [])
      .filter((amount) => readQuantity(amount).ok)
      .map(read)
      .reduce((a, b) => (b > a ? b : a), 0n)
  return { cpu: String(largest('cpu', toMilli) / 1000n), memory: formatBytes(largest('memory', toUnits)) }
}

const MOST = 5

const shown = (names: readonly string[], between = ', '): string =>
  names.length <= MOST ? names.join(between) : `${names.slice(0, MOST).join(between)} and ${names.length - MOST} more`
