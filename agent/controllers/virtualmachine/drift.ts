// What somebody changed on a domain behind Berth's back: what is put right by itself, and words for what only a restart puts right. Pure.
import {
  type BerthMetadata,
  diskOfAlias,
  type Observed,
  type ObservedDisk,
  SEED_ALIAS,
} from '../../../lib/domain/index.ts'
import { memoryOf } from '../../../lib/placement/requests.ts'
import { formatBytes } from '../../../lib/quantity.ts'
import type { VirtualMachine, VirtualMachineSpec } from '../../../schemas/index.ts'
import { labelOf } from './block-devices.ts'
import type { Device } from './domain-plan.ts'
import { withoutSecrets } from './domain-plan.ts'

/**
 * The spec that a running domain was made of, when our note in it is gone: the VM's own, with what can be seen on the domain. What cannot
 * be seen is taken as it is asked for.
 */
export function guessSpec(vm: VirtualMachine, { vcpus, memoryBytes }: Observed): VirtualMachineSpec {
  const { spec } = vm
  return withoutSecrets({
    ...spec,
    cpu: { ...spec.cpu, cores: vcpus },
    memory: { ...spec.memory, size: memoryBytes === memoryOf(spec) ? spec.memory.size : formatBytes(memoryBytes) },
  })
}

/** Our note about a domain that runs without one. */
export const noteOf = (vm: VirtualMachine, spec: VirtualMachineSpec): BerthMetadata => ({
  namespace: vm.metadata.namespace ?? '',
  name: vm.metadata.name,
  uid: vm.metadata.uid,
  epoch: 0,
  generation: vm.metadata.generation ?? 0,
  specJson: JSON.stringify(spec),
  digest: '',
  stoppedManually: false,
})

/** Differences between what a running domain was made of and what it is; a restart puts them right. */
export function outsideChanges(applied: VirtualMachineSpec, observed: Observed): readonly string[] {
  const { currentVcpus, currentMemoryBytes } = observed
  const memory = memoryOf(applied)
  return [
    ...(currentVcpus === applied.cpu.cores ? [] : [`it has ${currentVcpus} CPUs instead of ${applied.cpu.cores}`]),
    ...(currentMemoryBytes === memory
      ? []
      : [`it has ${formatBytes(currentMemoryBytes)} of memory instead of ${applied.memory.size}`]),
    ...observed.disks.filter(isForeign).map(({ target }) => `it has a disk ${target} that is not Berth's`),
    ...observed.nics
      .filter(({ alias }) => alias?.startsWith('ua-') !== true)
      .map(({ mac }) => `it has a network interface ${mac} that is not Berth's`),
  ].map((change) => `${change} (changed from outside of Berth)`)
}

const isForeign = ({ alias }: ObservedDisk): boolean => alias !== SEED_ALIAS && diskOfAlias(alias) === null

/**
 * Disks whose writes go to a file above theirs: somebody made a snapshot with virsh. A start from our own file would lose what was written
 * since, and make the snapshot worthless; so none happens. In words; null when there is none.
 */
export function overlaid(disks: readonly ObservedDisk[], devices: readonly Device[]): string | null {
  const found = devices.flatMap((device) => {
    const disk = disks.find(({ alias }) => diskOfAlias(alias)?.uid === device.uid)
    const { path } = device.volume
    if (disk?.path === undefined || disk.path === path || !disk.backing.includes(path)) return []
    return [
      `${labelOf(device)} is written to ${disk.path}, a snapshot that was made outside of Berth; ` +
        'bring it back with virsh blockcommit --active --pivot while the machine runs, or with qemu-img commit and virsh undefine',
    ]
  })
  return found.length === 0 ? null : found.join('; ')
}
