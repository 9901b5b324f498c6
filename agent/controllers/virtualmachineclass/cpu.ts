// A class's CPU -> the CPU of a domain on this host, or in words why it can't be had here. Pure.
import type { CpuPlan } from '../../../lib/domain/index.ts'
import { cpuProblem, type HostCpu } from '../../../lib/placement/class/cpu.ts'
import { discoveredOf, type VirtualMachineClass } from '../../../schemas/index.ts'
import type { HostFacts } from '../../host/facts.ts'

/** DVP's base of the `Features` type. */
const FEATURES_BASE = 'qemu64'

export function cpuOf(
  vmClass: VirtualMachineClass,
  facts: Pick<HostFacts, 'accelerator' | 'cpu'>,
): { readonly plan: CpuPlan } | { readonly refused: string } {
  const plan = planOf(vmClass)
  const problem = cpuProblem(vmClass, hostCpu(facts))
  if (problem !== null) return { refused: problem }
  return plan === null ? { refused: 'the class does not say which CPU' } : { plan }
}

const hostCpu = ({ accelerator, cpu }: Pick<HostFacts, 'accelerator' | 'cpu'>): HostCpu => ({
  accelerator: 'use' in accelerator ? accelerator.use : null,
  models: cpu.models,
  features: cpu.features,
})

function planOf(vmClass: VirtualMachineClass): CpuPlan | null {
  const { cpu } = vmClass.spec
  switch (cpu.type) {
    case 'Model':
      return { kind: 'model', model: cpu.model ?? '' }
    case 'Features':
      return { kind: 'features', base: FEATURES_BASE, features: cpu.features ?? [] }
    case 'Host':
      return { kind: 'host-model' }
    case 'HostPassthrough':
      return { kind: 'host-passthrough' }
    case 'Discovery': {
      // The same on every host: what was found goes with the class.
      const found = discoveredOf(vmClass)
      return found === null ? null : { kind: 'model', model: found.model, features: found.features }
    }
  }
}
