// A class's CPU -> the CPU of a domain on this host, or in words why it can't be had here. Pure.
import type { CpuPlan } from '../../../lib/domain/index.ts'
import { discoveredOf, type VirtualMachineClass } from '../../../schemas/index.ts'
import type { HostFacts } from '../../host/facts.ts'

/** DVP's base of the `Features` type. */
const FEATURES_BASE = 'qemu64'

export function cpuOf(
  vmClass: VirtualMachineClass,
  facts: Pick<HostFacts, 'accelerator'>,
): { readonly plan: CpuPlan } | { readonly refused: string } {
  const { cpu } = vmClass.spec
  switch (cpu.type) {
    case 'Model':
      return { plan: { kind: 'model', model: cpu.model ?? '' } }
    case 'Features':
      return { plan: { kind: 'features', base: FEATURES_BASE, features: cpu.features ?? [] } }
    case 'Host':
      return { plan: { kind: 'host-model' } }
    case 'HostPassthrough':
      return 'use' in facts.accelerator && facts.accelerator.use === 'kvm'
        ? { plan: { kind: 'host-passthrough' } }
        : { refused: 'cpu.type HostPassthrough needs KVM; guests of this host are emulated' }
    case 'Discovery':
      return discovered(vmClass)
  }
}

/** The same on every host: what was found goes with the class. */
function discovered(vmClass: VirtualMachineClass): { readonly plan: CpuPlan } | { readonly refused: string } {
  const features = discoveredOf(vmClass)
  if (features === null) return { refused: 'cpu.type Discovery: the common CPU of its hosts is not found yet' }
  return { plan: { kind: 'features', base: FEATURES_BASE, features } }
}
