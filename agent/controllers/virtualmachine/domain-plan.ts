// A VM with everything it refers to -> the plan of its domain. Pure: same input, same plan.
import { createHash } from 'node:crypto'
import {
  type CpuPlan,
  DISK_TARGETS,
  type DiskPlan,
  type DomainPlan,
  diskAlias,
  domainXml,
  topology,
} from '../../../lib/domain/index.ts'
import { memoryOf, milliCoresOf, needsTpm } from '../../../lib/placement/requests.ts'
import type { VirtualMachine, VirtualMachineSpec } from '../../../schemas/index.ts'
import type { HostFacts } from '../../host/facts.ts'
import type { Volume } from '../../storage/volumes.ts'

/** PCIe ports left free for devices that are attached later (design: 10 at least). */
const SPARE_PORTS = 10
/** Weight of one whole core. Version 2 controllers take 1 to 10000 in all, and a VM has up to 248 cores. */
const SHARES_PER_CORE = { v1: 1024, v2: 40 } as const
const SHARES_RANGE = { v1: [2, 262_144], v2: [1, 10_000] } as const

/** One block device of the VM with the file behind it. */
export interface Device {
  readonly kind: 'VirtualDisk' | 'VirtualImage' | 'ClusterVirtualImage'
  readonly name: string
  readonly uid: string
  readonly bootOrder?: number
  readonly volume: Volume
}

export interface DomainInputs {
  readonly vm: VirtualMachine
  readonly cpu: CpuPlan
  readonly devices: readonly Device[]
  readonly seedPath: string | null
  readonly facts: HostFacts
  readonly use: 'kvm' | 'qemu'
  /** The type that the VM's first start chose; null before that. */
  readonly machineType: string | null
  readonly network: { readonly name: string; readonly mac: string } | null
  readonly paths: { readonly nvram: string; readonly console: string }
  readonly startedAt: string
  /** The scheduler's, by which it is this host's; 0 for one of the host's own. */
  readonly epoch: number
}

/** libvirt's name of the domain. */
export const domainName = (vm: { readonly metadata: { readonly namespace?: string; readonly name: string } }): string =>
  `${vm.metadata.namespace}.${vm.metadata.name}`

export function buildDomainPlan(inputs: DomainInputs): DomainPlan {
  const { vm, facts } = inputs
  const { spec } = vm
  const shape = topology(spec.cpu.cores)
  if (!shape.ok) throw new Error(`${spec.cpu.cores} cores fit no topology`)
  const shares = sharesOf(spec, facts.cpuController)
  const ranks = bootRanks(inputs.devices)
  const plan: DomainPlan = {
    name: domainName(vm),
    uuid: vm.metadata.uid,
    accelerator: inputs.use,
    machine: inputs.machineType ?? facts.machineType,
    memoryBytes: memoryOf(spec),
    cpu: {
      sockets: shape.sockets,
      coresPerSocket: shape.coresPerSocket,
      model: inputs.cpu,
      ...(shares === null ? {} : { shares }),
    },
    firmware:
      spec.bootloader === 'EFI' && facts.efi
        ? { kind: 'efi', ...facts.efi, nvramPath: inputs.paths.nvram }
        : { kind: 'bios' },
    tpm: needsTpm(spec),
    hyperV: spec.osType === 'Windows' && inputs.use === 'kvm',
    disks: inputs.devices.map((device, index) =>
      diskPlan(device, { target: DISK_TARGETS[index] ?? '', bootOrder: ranks.get(device), hotplugged: false }),
    ),
    ...(inputs.seedPath === null ? {} : { seed: { path: inputs.seedPath } }),
    nics: inputs.network ? [{ mac: inputs.network.mac, network: inputs.network.name, alias: 'ua-main' }] : [],
    serialLogPath: inputs.paths.console,
    guestAgent: true,
    onReboot: 'restart',
    restartPorts: SPARE_PORTS,
    smbios: { manufacturer: 'Berth', product: 'BerthVirtualMachine' },
    metadata: {
      namespace: vm.metadata.namespace ?? '',
      name: vm.metadata.name,
      uid: vm.metadata.uid,
      epoch: inputs.epoch,
      generation: vm.metadata.generation ?? 0,
      specJson: JSON.stringify(withoutSecrets(spec)),
      digest: '',
      stoppedManually: false,
      startedAt: inputs.startedAt,
    },
  }
  return { ...plan, metadata: { ...plan.metadata, digest: sha256(domainXml(plan)) } }
}

/** Where a device goes. */
export interface DiskPlace {
  readonly target: string
  readonly bootOrder: number | undefined
  readonly hotplugged: boolean
}

export function diskPlan(device: Device, { target, bootOrder, hotplugged }: DiskPlace): DiskPlan {
  const { volume } = device
  return {
    target,
    bus: 'scsi',
    device: volume.cdrom ? 'cdrom' : 'disk',
    path: volume.path,
    format: volume.format,
    backing: volume.backing,
    readonly: volume.readonly,
    serial: device.uid.replaceAll('-', '').slice(0, 20),
    alias: diskAlias(device.uid, hotplugged),
    discard: !volume.readonly,
    ...(bootOrder === undefined ? {} : { bootOrder }),
  }
}

/** Those with a bootOrder first, in its order; the rest after them as listed (DVP). The first of the map boots first. */
export function bootRanks<T extends { readonly bootOrder?: number }>(devices: readonly T[]): ReadonlyMap<T, number> {
  const sorted = devices
    .map((device, index) => ({ device, index }))
    .sort((a, b) => (a.device.bootOrder ?? Infinity) - (b.device.bootOrder ?? Infinity) || a.index - b.index)
  return new Map(sorted.map(({ device }, index) => [device, index + 1]))
}

function sharesOf(spec: VirtualMachineSpec, controller: 'v1' | 'v2' | null): number | null {
  if (controller === null) return null
  const [lowest, highest] = SHARES_RANGE[controller]
  const shares = Math.round((milliCoresOf(spec) * SHARES_PER_CORE[controller]) / 1000)
  return Math.min(highest, Math.max(lowest, shares))
}

/** The spec with inline user data replaced by its digest: what may be written into a domain or a status. */
export function withoutSecrets(spec: VirtualMachineSpec): VirtualMachineSpec {
  const userData = spec.provisioning?.userData
  if (spec.provisioning === undefined || userData === undefined) return spec
  return { ...spec, provisioning: { ...spec.provisioning, userData: `sha256:${sha256(userData)}` } }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
