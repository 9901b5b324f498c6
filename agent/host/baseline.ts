// The CPU that several hosts have in common, as this host's libvirt finds it.
import type { LibvirtPool } from '../../lib/libvirt/index.ts'
import { at, attrOf, childrenOf, parseXml, textOf } from '../../lib/xml/index.ts'
import type { DiscoveredCpu } from '../../schemas/index.ts'

/** Spells out all features of the model (VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES). */
const EXPAND_FEATURES = 1

export interface Hypervisor {
  /** Machine type. */
  readonly machine: string
  /** The accelerator by which guests run. */
  readonly virttype: 'kvm' | 'qemu'
}

/**
 * @param cpus libvirt's XML of what each host's hypervisor can provide; one at least
 * @throws LibvirtError: one of them is unknown to this libvirt, or they have nothing in common
 */
export async function baselineOf(
  libvirt: Pick<LibvirtPool, 'call'>,
  { machine, virttype }: Hypervisor,
  cpus: readonly string[],
  signal: AbortSignal,
): Promise<DiscoveredCpu> {
  const ask = async (flags: number): Promise<string> => {
    const args = { emulator: null, arch: 'x86_64', machine, virttype, xmlCpus: cpus, flags }
    return (await libvirt.call('ConnectBaselineHypervisorCPU', args, { signal })).cpu
  }
  const cpu = parseXml(await ask(0))
  const features = childrenOf(cpu, 'feature').flatMap((feature) => {
    const name = attrOf(feature, 'name')
    const policy = attrOf(feature, 'policy') === 'disable' ? ('disable' as const) : ('require' as const)
    return name === undefined ? [] : [{ name, policy }]
  })
  return {
    model: textOf(at(cpu, 'model')),
    features: features.sort((a, b) => (a.name < b.name ? -1 : 1)),
    enabled: requiredFeatures(await ask(EXPAND_FEATURES)),
  }
}

/** Features of a CPU document that libvirt has spelled out: all that a guest can require. Sorted. */
export function requiredFeatures(cpuXml: string): string[] {
  const root = parseXml(cpuXml)
  const cpu = root.name === 'cpu' ? root : at(root, 'cpu')
  const features = cpu === undefined ? [] : childrenOf(cpu, 'feature')
  const names = features.filter((f) => attrOf(f, 'policy') !== 'disable').flatMap((f) => attrOf(f, 'name') ?? [])
  return [...new Set(names)].sort()
}
