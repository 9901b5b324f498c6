// What a class comes to on this host -> its status. Pure. Conditions and reasons are DVP's (vmclasscondition).
import type { ConditionOf } from '../../../lib/conditions.ts'
import { CLASS_CONDITIONS } from '../../../lib/placement/class/conditions.ts'
import { enabledFeatures, selectorProblem } from '../../../lib/placement/class/cpu.ts'
import { formatBytes } from '../../../lib/quantity.ts'
import { discoveredOf, isBound, type Node, type VirtualMachineClass } from '../../../schemas/index.ts'
import type { HostFacts } from '../../host/facts.ts'
import { cpuOf } from './cpu.ts'

export type ClassStatus = NonNullable<VirtualMachineClass['status']>

export interface ClassInputs {
  readonly vmClass: VirtualMachineClass
  readonly before: ClassStatus | undefined
  readonly facts: HostFacts
  readonly node: Node | null
  /** `namespace/name` of the virtual machines that name it. */
  readonly usedBy: readonly string[]
  readonly now: number
}

/** Why virtual machines of the class cannot run here, in words; null when they can. */
export function classProblem({ vmClass, facts, node }: Pick<ClassInputs, 'vmClass' | 'facts' | 'node'>): string | null {
  const cpu = cpuOf(vmClass, facts)
  if ('refused' in cpu) return cpu.refused
  return selectorProblem(vmClass, node ?? { metadata: { ...vmClass.metadata, labels: {} } })
}

export function buildClassStatus(inputs: ClassInputs): ClassStatus {
  const { vmClass, facts, before, usedBy, now } = inputs
  const problem = classProblem(inputs)
  const generation = vmClass.metadata.generation ?? 0
  let conditions = before?.conditions ?? []
  const set = (state: ConditionOf<typeof CLASS_CONDITIONS.table>) => {
    conditions = CLASS_CONDITIONS.set(conditions, state, generation, now)
  }
  if (problem === null) set({ type: 'Ready', status: 'True', reason: 'SuitableNodesFound' })
  else set({ type: 'Ready', status: 'False', reason: 'NoSuitableNodesFound', message: problem })
  set(discovery(vmClass))
  set({
    type: 'InUse',
    status: usedBy.length > 0 ? 'True' : 'False',
    reason: 'VirtualMachineClassInUse',
    message: usedBy.length > 0 ? `used by ${shown(usedBy)}` : 'no virtual machine uses it',
  })
  const deleted = vmClass.metadata.deletionTimestamp !== undefined
  return {
    ...before,
    phase: deleted ? 'Terminating' : problem === null ? 'Ready' : 'Pending',
    conditions,
    observedGeneration: generation,
    availableNodes: problem === null ? [facts.nodeName] : [],
    cpuFeatures: cpuFeatures(vmClass, facts),
    maxAllocatableResources:
      problem === null ? { cpu: String(facts.cores), memory: formatBytes(facts.memoryBytes) } : {},
  } as ClassStatus
}

type Said = ConditionOf<typeof CLASS_CONDITIONS.table>

function discovery(vmClass: VirtualMachineClass): Extract<Said, { type: 'Discovered' }> {
  const type = 'Discovered'
  if (vmClass.spec.cpu.type !== 'Discovery') return { type, status: 'False', reason: 'DiscoverySkip' }
  if (discoveredOf(vmClass) !== null) return { type, status: 'True', reason: 'DiscoverySucceeded' }
  const message = isBound(vmClass)
    ? 'the scheduler has not found the common CPU of its hosts yet'
    : 'this host has not the labels of cpu.discovery.nodeSelector, or its libvirt does not tell of its CPU'
  return { type, status: 'False', reason: 'DiscoveryFailed', message }
}

function cpuFeatures(vmClass: VirtualMachineClass, { cpu }: HostFacts): ClassStatus['cpuFeatures'] {
  const enabled = enabledFeatures(vmClass)
  if (enabled.length === 0) return {}
  return { enabled: [...enabled], notEnabledCommon: cpu.features.filter((feature) => !enabled.includes(feature)) }
}

/** The first few names, and how many more. */
export const shown = (names: readonly string[], most = 5): string =>
  names.length <= most ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${names.length - most} more`
