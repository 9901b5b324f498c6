/**
 * Plan -> domain XML. Pure: the same plan gives the same bytes; no clock, no random, no files.
 * libvirt fills in addresses and defaults and writes the document anew, so what it gives back is read by observe.ts
 * and never compared with this text.
 */
import { el, printXml, type XmlElement } from '../xml/index.ts'
import { cpuElements } from './cpu.ts'
import { agentChannel } from './devices/agent-channel.ts'
import { balloon } from './devices/balloon.ts'
import { diskDevice } from './devices/disk.ts'
import { nicDevice } from './devices/nic.ts'
import { pciPorts } from './devices/pci-ports.ts'
import { rng } from './devices/rng.ts'
import { screen } from './devices/screen.ts'
import { scsiController } from './devices/scsi-controller.ts'
import { seedDevice } from './devices/seed.ts'
import { serialConsole } from './devices/serial.ts'
import { tablet } from './devices/tablet.ts'
import { tpmDevice } from './devices/tpm.ts'
import { osElement, sysinfo } from './firmware.ts'
import { hyperVFeatures, hyperVTimer } from './hyperv.ts'
import { metadataElement } from './metadata.ts'
import { type DiskPlan, type DomainPlan, DomainPlanError, type NicPlan } from './plan.ts'

/** Devices attached later need a free port each; a stable machine needs them there from its first start. */
export const MIN_SPARE_PORTS = 10

/**
 * The document for DomainDefineXMLFlags.
 * @throws DomainPlanError when the plan contradicts itself, XmlError when a text holds what XML cannot
 */
export function domainXml(plan: DomainPlan): string {
  checkPlan(plan)
  return printXml(domainElement(plan))
}

/** One disk, for DomainAttachDeviceFlags, DomainDetachDeviceFlags and DomainUpdateDeviceFlags. Throws as `domainXml`. */
export function diskXml(disk: DiskPlan): string {
  return printXml(diskDevice(disk))
}

/** One NIC, for the same calls. Throws as `domainXml`. */
export function nicXml(nic: NicPlan): string {
  return printXml(nicDevice(nic))
}

function domainElement(plan: DomainPlan): XmlElement {
  return el(
    'domain',
    { type: plan.accelerator },
    el('name', {}, plan.name),
    el('uuid', {}, plan.uuid),
    el('metadata', {}, metadataElement(plan.metadata)),
    el('memory', { unit: 'b' }, plan.memoryBytes),
    cpuElements(plan),
    sysinfo(plan.smbios),
    osElement(plan),
    el('features', {}, el('acpi'), el('apic'), el('vmport', { state: 'off' }), hyperVFeatures(plan)),
    clock(plan),
    el('on_poweroff', {}, 'destroy'),
    el('on_reboot', {}, plan.onReboot),
    el('on_crash', {}, 'destroy'),
    el('devices', {}, devices(plan)),
  )
}

/** The timers every x86 guest of today gets along with: lost RTC ticks are caught up, HPET only costs time. */
function clock(plan: DomainPlan): XmlElement {
  return el(
    'clock',
    { offset: 'utc' },
    el('timer', { name: 'rtc', tickpolicy: 'catchup' }),
    el('timer', { name: 'pit', tickpolicy: 'delay' }),
    el('timer', { name: 'hpet', present: 'no' }),
    hyperVTimer(plan),
  )
}

function devices(plan: DomainPlan): XmlElement[] {
  const onPci = [scsiController(), ...tablet(), ...plan.nics.map(nicDevice), ...agentChannel(plan), rng(), balloon()]
  return [
    ...plan.disks.map(diskDevice),
    ...seedDevice(plan),
    ...pciPorts(plan),
    ...onPci,
    ...serialConsole(plan.serialLogPath),
    ...screen(),
    ...tpmDevice(plan),
  ]
}

function checkPlan(plan: DomainPlan): void {
  if (plan.accelerator === 'qemu' && plan.cpu.model.kind === 'host-passthrough') {
    throw new DomainPlanError('cpu.model: the CPU of the host cannot be passed through under emulation')
  }
  if (plan.accelerator === 'qemu' && plan.hyperV) {
    throw new DomainPlanError('hyperV: emulation has no Hyper-V interface')
  }
  if (plan.restartPorts < MIN_SPARE_PORTS) {
    throw new DomainPlanError(`restartPorts: ${plan.restartPorts}, at least ${MIN_SPARE_PORTS} are needed`)
  }
  if (plan.memoryBytes <= 0n) throw new DomainPlanError(`memoryBytes: ${plan.memoryBytes}, must be positive`)
  unique(
    'disks',
    'target',
    plan.disks.map((disk) => disk.target),
  )
  unique(
    'disks',
    'bootOrder',
    plan.disks.flatMap((disk) => disk.bootOrder ?? []),
  )
  unique(
    'devices',
    'alias',
    [...plan.disks, ...plan.nics].map((device) => device.alias),
  )
}

function unique(list: string, field: string, values: readonly (string | number)[]): void {
  const twice = values.find((value, index) => values.indexOf(value) !== index)
  if (twice !== undefined) throw new DomainPlanError(`${list}: two have the ${field} ${JSON.stringify(twice)}`)
}
