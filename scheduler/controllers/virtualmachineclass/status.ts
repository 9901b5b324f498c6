// What a class comes to over all hosts -> its status. Pure. Conditions and reasons are DVP's (vmclasscondition).
import type { ConditionOf } from '../../../lib/conditions.ts'
import { CLASS_CONDITIONS } from '../../../lib/placement/class/conditions.ts'
import { classNodeProblem, commonFeatures, enabledFeatures } from '../../../lib/placement/class/cpu.ts'
import { formatBytes, readQuantity, toMilli, toUnits } from '../../../lib/quantity.ts'
import { discoveryOf, type Node, type VirtualMachineClass } from '../../../schemas/index.ts'
import { planDiscovery } from './discover.ts'

export type ClassStatus = NonNullable<VirtualMachineClass['status']>

/** At most {@link MOST} of them are told. */
export interface Users {
  readonly count: number
  /** `namespace/name` of the first ones. */
  readonly first: readonly string[]
}

export interface ClassInputs {
  readonly vmClass: VirtualMachineClass
  readonly before: ClassStatus | undefined
  /** Members of the cluster. */
  readonly nodes: readonly Node[]
  /** The machines that name it. */
  readonly usedBy: Users
  /** In words, why no common CPU was found; null when there was nothing to look for, or it was. */
  readonly problem: string | null
  readonly now: number
}

type Said = ConditionOf<typeof CLASS_CONDITIONS.table>

export function classStatus({ vmClass, before, nodes, usedBy, problem, now }: ClassInputs): ClassStatus {
  const judged = nodes.map((node) => ({ node, problem: classNodeProblem(vmClass, node) }))
  const available = judged.filter(({ problem }) => problem === null).map(({ node }) => node)
  const generation = vmClass.metadata.generation ?? 0
  const said: readonly Said[] = [
    readiness(judged),
    discovery(vmClass, nodes, usedBy.count > 0, problem),
    {
      type: 'InUse',
      status: usedBy.count > 0 ? 'True' : 'False',
      reason: 'VirtualMachineClassInUse',
      message: usedBy.count > 0 ? `used by ${shown(usedBy.first, ', ', usedBy.count)}` : 'no virtual machine uses it',
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

function discovery(
  vmClass: VirtualMachineClass,
  nodes: readonly Node[],
  isUsed: boolean,
  problem: string | null,
): Said {
  const type = 'Discovered'
  if (vmClass.spec.cpu.type !== 'Discovery') return { type, status: 'False', reason: 'DiscoverySkip' }
  const found = discoveryOf(vmClass)
  if (found === null)
    return { type, status: 'False', reason: 'DiscoveryFailed', message: problem ?? 'its hosts are being asked' }
  const step = planDiscovery(vmClass, nodes, isUsed)
  const since = step.do === 'keep' ? step.since : ''
  const of = found.nodes.length === 0 ? 'of hosts that are not known any more' : `of ${shown(names(found.nodes))}`
  const kept = since === '' ? '' : `; kept although ${since}${isUsed ? ': machines were started with it' : ''}`
  // A newer one could not be made: what was found before holds.
  const failed = problem === null ? '' : `; a new one was not found: ${problem}`
  return { type, status: 'True', reason: 'DiscoverySucceeded', message: `${found.model}, ${of}${kept}${failed}` }
}

const names = (nodes: readonly { readonly name: string }[]): readonly string[] => nodes.map(({ name }) => name)

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

/** Names that are told of a longer list. */
export const MOST = 5

const shown = (names: readonly string[], between = ', ', count = names.length): string =>
  count <= MOST ? names.join(between) : `${names.slice(0, MOST).join(between)} and ${count - MOST} more`
