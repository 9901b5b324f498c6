/** Everything that the agent finds out about its host at start, in the order that the findings depend on. */
import type { Clock } from '../../lib/clock.ts'
import { LibvirtError, type LibvirtPool } from '../../lib/libvirt/index.ts'
import { type AcceleratorConfig, type AcceleratorDecision, decideAccelerator } from './accelerator.ts'
import { baselineOf } from './baseline.ts'
import { findCpuController } from './cgroups.ts'
import type { CheckContext } from './checks/check.ts'
import { hostModelXml } from './cpu-features.ts'
import { type DomainCapabilities, parseDomainCapabilities } from './domain-capabilities.ts'
import type { HostFacts } from './facts.ts'
import { findEfiFirmware } from './firmware.ts'
import type { HostReader } from './host-reader.ts'
import { type HostIdentity, readIdentity } from './identity.ts'
import { rememberedVerdict } from './kvm-cache.ts'
import { judgeKvm, type KvmVerdict } from './kvm-judge.ts'
import { probeKvm } from './kvm-probe.ts'
import { newestMachineType } from './machine-type.ts'
import { formatVersion } from './versions.ts'

export interface SurveyDeps {
  readonly config: AcceleratorConfig & { readonly nodeName: string; readonly stateDir: string }
  /** Connected. */
  readonly libvirt: Pick<LibvirtPool, 'call' | 'libVersion' | 'hypervisorVersion'>
  readonly host: HostReader
  readonly clock: Clock
}

export interface Survey {
  readonly facts: HostFacts
  readonly identity: HostIdentity
  readonly kvm: KvmVerdict
  readonly accelerator: AcceleratorDecision
  /** Of the accelerator in use; of emulation where none may be used. */
  readonly capabilities: DomainCapabilities
  /** For runHostChecks, now and later. */
  readonly checkContext: CheckContext
}

/**
 * Takes tenths of a second; at the first start after a boot also the time of measuring KVM, seconds on a bad host.
 * @throws LibvirtError and the other errors of a call, when libvirt cannot say what it can do
 */
export async function surveyHost({ config, libvirt, host, clock }: SurveyDeps, signal: AbortSignal): Promise<Survey> {
  const [identity, cpuController, efi] = await Promise.all([
    readIdentity(host),
    findCpuController(host),
    findEfiFirmware(host),
  ])
  const qemuVersion = formatVersion(libvirt.hypervisorVersion)
  const key = { bootId: identity.bootId, qemuVersion }
  const measure = async () => judgeKvm(await probeKvm({ clock }, signal))
  const kvm = await rememberedVerdict(host, config.stateDir, key, measure)
  const accelerator = decideAccelerator(config, kvm)
  const virttype = 'use' in accelerator ? accelerator.use : 'qemu'
  const machineType = await findMachineType(libvirt, signal)
  const capabilities = await askDomainCapabilities(libvirt, machineType, virttype, signal)
  const own = await ownCpu(libvirt, capabilities, virttype, signal)
  const facts: HostFacts = {
    nodeName: config.nodeName,
    bootId: identity.bootId,
    accelerator,
    machineType,
    cpuController,
    efi,
    tpm: capabilities.tpm,
    cpu: {
      models: capabilities.usableModels,
      // Drivers that do not spell it out still name what the host has beyond its model.
      features: own?.enabled ?? [...(capabilities.hostModel?.required ?? [])].sort(),
      own,
    },
    cores: identity.cores,
    memoryBytes: identity.memoryBytes,
    versions: { libvirt: formatVersion(libvirt.libVersion), qemu: qemuVersion },
  }
  const versions = { libvirtVersion: libvirt.libVersion, qemuVersion: libvirt.hypervisorVersion }
  const emulated = 'use' in accelerator && accelerator.use === 'qemu'
  const checkContext = {
    host,
    stateDir: config.stateDir,
    kvm,
    cpuController,
    efi,
    tpm: capabilities.tpm,
    emulated,
    ...versions,
  }
  return { facts, identity, kvm, accelerator, capabilities, checkContext }
}

async function findMachineType(libvirt: SurveyDeps['libvirt'], signal: AbortSignal): Promise<string> {
  const { capabilities } = await libvirt.call('ConnectGetCapabilities', {}, { signal })
  const machine = newestMachineType(capabilities)
  if (machine === undefined) throw new Error('this QEMU has no q35 machine: install qemu-system-x86')
  return machine
}

async function askDomainCapabilities(
  libvirt: SurveyDeps['libvirt'],
  machine: string,
  virttype: string,
  signal: AbortSignal,
): Promise<DomainCapabilities> {
  const args = { emulatorbin: null, arch: 'x86_64', machine, virttype, flags: 0 }
  const { capabilities } = await libvirt.call('ConnectGetDomainCapabilities', args, { signal })
  return parseDomainCapabilities(capabilities)
}

/** libvirt names a model and what differs from it; labels and classes need the features themselves. */
async function ownCpu(
  libvirt: SurveyDeps['libvirt'],
  { hostModel, machine }: DomainCapabilities,
  virttype: 'kvm' | 'qemu',
  signal: AbortSignal,
): Promise<HostFacts['cpu']['own']> {
  if (hostModel === undefined) return null
  const xml = hostModelXml(hostModel)
  try {
    return { ...(await baselineOf(libvirt, { machine, virttype }, [xml], signal)), xml }
  } catch (error) {
    if (error instanceof LibvirtError) return null
    throw error
  }
}
