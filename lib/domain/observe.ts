/**
 * Domain XML as libvirt gives it back -> the little that the agent decides on. Foreign domains are read by the same
 * code: everything beyond name and uuid may be missing.
 */
import { at, attrOf, childrenOf, parseXml, textOf, type XmlElement, XmlError } from '../xml/index.ts'
import { METADATA_URI, parseMetadata } from './metadata.ts'
import type { BerthMetadata } from './plan.ts'

export interface Observed {
  readonly name: string
  readonly uuid: string
  /** libvirt's number of a running domain. */
  readonly id?: number
  /** Domain type: `kvm`, `qemu`, `test`, … */
  readonly type: string
  readonly machine: string
  readonly memoryBytes: bigint
  /** What the guest has now: by its balloon, by CPUs that were taken away. */
  readonly currentMemoryBytes: bigint
  readonly vcpus: number
  readonly currentVcpus: number
  readonly shares?: number
  readonly cpuMode?: string
  readonly cpuModel?: string
  readonly firmware: 'bios' | 'efi'
  readonly nvramPath?: string
  readonly onReboot: string
  readonly disks: readonly ObservedDisk[]
  readonly nics: readonly ObservedNic[]
  /** Names of elements of devices that cannot go to another host with the guest. */
  readonly immovable: readonly string[]
  /** The host's end of the serial port while the domain runs. */
  readonly consolePty?: string
  readonly serialLogPath?: string
  /** Unix socket of the VNC server while the domain runs. */
  readonly vncSocket?: string
  /** Absent without a channel or while the domain is off. */
  readonly guestAgentConnected?: boolean
  /** Absent when the domain is not ours or our element cannot be read. */
  readonly metadata?: BerthMetadata
}

export interface ObservedDisk {
  readonly target: string
  readonly bus: string
  readonly device: string
  /** Absent for an empty drive and for sources that are no files. */
  readonly path?: string
  readonly format?: string
  readonly serial?: string
  readonly alias?: string
  readonly readonly: boolean
  readonly bootOrder?: number
  /** Files below, nearest first, as far as libvirt says. */
  readonly backing: readonly string[]
}

export interface ObservedNic {
  readonly mac: string
  readonly network?: string
  /** Host bridge that it is plugged into, and its device on the host; while the domain runs. */
  readonly bridge?: string
  readonly hostDevice?: string
  readonly alias?: string
}

const IMMOVABLE: readonly string[] = ['hostdev', 'tpm', 'filesystem', 'redirdev', 'shmem']

/** What an emulated TPM keeps goes along with the guest. */
const isMovable = (device: XmlElement): boolean =>
  !IMMOVABLE.includes(device.name) || attrOf(at(device, 'backend'), 'type') === 'emulator'

/** @throws XmlError when the text is no domain document */
export function observeDomain(xml: string): Observed {
  const domain = parseXml(xml)
  if (domain.name !== 'domain') throw new XmlError(`a <domain> was expected, not <${domain.name}>`)
  const devices = at(domain, 'devices')
  const serial = at(domain, 'devices', 'serial')
  return compact({
    name: textOf(at(domain, 'name')),
    uuid: textOf(at(domain, 'uuid')).toLowerCase(),
    id: toInteger(attrOf(domain, 'id')),
    type: attrOf(domain, 'type') ?? '',
    machine: attrOf(at(domain, 'os', 'type'), 'machine') ?? '',
    memoryBytes: bytesOf(at(domain, 'memory')),
    currentMemoryBytes: bytesOf(at(domain, 'currentMemory') ?? at(domain, 'memory')),
    vcpus: toInteger(textOf(at(domain, 'vcpu'))) ?? 0,
    currentVcpus: toInteger(attrOf(at(domain, 'vcpu'), 'current') ?? textOf(at(domain, 'vcpu'))) ?? 0,
    shares: toInteger(textOf(at(domain, 'cputune', 'shares'))),
    cpuMode: attrOf(at(domain, 'cpu'), 'mode'),
    cpuModel: nonEmpty(textOf(at(domain, 'cpu', 'model'))),
    firmware: isEfi(domain) ? 'efi' : 'bios',
    nvramPath: nonEmpty(textOf(at(domain, 'os', 'nvram'))),
    onReboot: textOf(at(domain, 'on_reboot')) || 'restart',
    disks: devices === undefined ? [] : childrenOf(devices, 'disk').map(observeDisk),
    nics: devices === undefined ? [] : childrenOf(devices, 'interface').map(observeNic),
    immovable: (devices?.children ?? []).flatMap((child) =>
      typeof child === 'string' || isMovable(child) ? [] : [child.name],
    ),
    consolePty:
      attrOf(serial, 'type') === 'pty' ? attrOf(at(domain, 'devices', 'serial', 'source'), 'path') : undefined,
    serialLogPath: attrOf(at(domain, 'devices', 'serial', 'log'), 'file'),
    vncSocket: vncSocket(devices),
    guestAgentConnected: agentState(devices),
    metadata: observeMetadata(domain),
  })
}

function observeDisk(disk: XmlElement): ObservedDisk {
  return compact({
    target: attrOf(at(disk, 'target'), 'dev') ?? '',
    bus: attrOf(at(disk, 'target'), 'bus') ?? '',
    device: attrOf(disk, 'device') ?? 'disk',
    path: attrOf(at(disk, 'source'), 'file') ?? attrOf(at(disk, 'source'), 'dev'),
    format: attrOf(at(disk, 'driver'), 'type'),
    serial: nonEmpty(textOf(at(disk, 'serial'))),
    alias: attrOf(at(disk, 'alias'), 'name'),
    readonly: at(disk, 'readonly') !== undefined,
    bootOrder: toInteger(attrOf(at(disk, 'boot'), 'order')),
    backing: backingFiles(disk),
  })
}

function backingFiles(disk: XmlElement): string[] {
  const files: string[] = []
  for (let level = at(disk, 'backingStore'); level !== undefined; level = at(level, 'backingStore')) {
    const file = attrOf(at(level, 'source'), 'file')
    if (file !== undefined) files.push(file)
  }
  return files
}

function observeNic(nic: XmlElement): ObservedNic {
  return compact({
    mac: (attrOf(at(nic, 'mac'), 'address') ?? '').toLowerCase(),
    network: attrOf(at(nic, 'source'), 'network'),
    bridge: attrOf(at(nic, 'source'), 'bridge'),
    hostDevice: attrOf(at(nic, 'target'), 'dev'),
    alias: attrOf(at(nic, 'alias'), 'name'),
  })
}

function isEfi(domain: XmlElement): boolean {
  return attrOf(at(domain, 'os'), 'firmware') === 'efi' || attrOf(at(domain, 'os', 'loader'), 'type') === 'pflash'
}

/** libvirt writes the state of the agent's channel only while the domain runs. */
function agentState(devices: XmlElement | undefined): boolean | undefined {
  const channels = devices === undefined ? [] : childrenOf(devices, 'channel')
  const target = channels
    .map((channel) => at(channel, 'target'))
    .find((candidate) => attrOf(candidate, 'name') === 'org.qemu.guest_agent.0')
  const state = attrOf(target, 'state')
  return state === undefined ? undefined : state === 'connected'
}

/** libvirt writes the path as an attribute of <graphics> too; the listener is the newer form. */
function vncSocket(devices: XmlElement | undefined): string | undefined {
  const graphics = devices === undefined ? [] : childrenOf(devices, 'graphics')
  const vnc = graphics.find((each) => attrOf(each, 'type') === 'vnc')
  const listeners = vnc === undefined ? [] : childrenOf(vnc, 'listen')
  const socket = listeners.find((each) => attrOf(each, 'type') === 'socket')
  return attrOf(socket, 'socket') ?? attrOf(vnc, 'socket')
}

function observeMetadata(domain: XmlElement): BerthMetadata | undefined {
  const metadata = at(domain, 'metadata')
  const ours = metadata === undefined ? [] : childrenOf(metadata).filter((child) => child.namespace === METADATA_URI)
  return ours[0] === undefined ? undefined : parseMetadata(textOf(ours[0]))
}

/** Units that libvirt may write; without one it means KiB. */
const UNITS: Readonly<Record<string, bigint>> = { b: 1n, bytes: 1n, KiB: 1024n, MiB: 1024n ** 2n, GiB: 1024n ** 3n }

function bytesOf(memory: XmlElement | undefined): bigint {
  const text = textOf(memory).trim()
  const unit = UNITS[attrOf(memory, 'unit') ?? 'KiB']
  return unit !== undefined && /^\d{1,19}$/.test(text) ? BigInt(text) * unit : 0n
}

function toInteger(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d{1,9}\s*$/.test(text) ? Number(text) : undefined
}

function nonEmpty(text: string): string | undefined {
  return text === '' ? undefined : text
}

/** Drops the keys whose value is undefined: an absent fact is an absent key. */
function compact<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T
}
