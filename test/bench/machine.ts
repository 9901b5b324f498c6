// What the figures were measured on.
import { cpus, loadavg, release, totalmem } from 'node:os'
import type { LibvirtPool } from '../../lib/libvirt/index.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryMiB: number
  readonly kernel: string
  readonly node: string
  /** Where guests run. */
  readonly libvirt?: string
  readonly qemu?: string
  /** Load average of the last minute before the bench: others that measure or work here. */
  readonly load: number
}

export function describeMachine(libvirt?: LibvirtPool): Machine {
  const list = cpus()
  return {
    cpu: list[0]?.model ?? 'unknown',
    cores: list.length,
    memoryMiB: Math.floor(totalmem() / 1_048_576),
    kernel: release(),
    node: process.version,
    ...(libvirt === undefined ? {} : { libvirt: dotted(libvirt.libVersion), qemu: dotted(libvirt.hypervisorVersion) }),
    load: loadavg()[0] ?? 0,
  }
}

/** libvirt packs major × 1,000,000 + minor × 1,000 + release. */
const dotted = (packed: number): string =>
  [Math.floor(packed / 1_000_000), Math.floor(packed / 1_000) % 1_000, packed % 1_000].join('.')
