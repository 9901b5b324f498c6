/** Who this host is and what runs on it: a few small files, read once per start. */
import { cpus, release, totalmem } from 'node:os'
import type { HostReader } from './host-reader.ts'

export interface HostIdentity {
  /** Changes at each boot. */
  readonly bootId: string
  /** Stays; empty where the host has none. */
  readonly machineId: string
  /** From the firmware; empty where there is none or only root may read it. */
  readonly systemUuid: string
  readonly kernelVersion: string
  /** `Debian GNU/Linux 12 (bookworm)` */
  readonly osImage: string
  readonly cores: number
  readonly memoryBytes: bigint
}

export async function readIdentity(host: HostReader): Promise<HostIdentity> {
  const [bootId, machineId, systemUuid, osRelease] = await Promise.all(
    ['/proc/sys/kernel/random/boot_id', '/etc/machine-id', '/sys/class/dmi/id/product_uuid', '/etc/os-release'].map(
      async (path) => (await host.readText(path))?.trim() ?? '',
    ),
  )
  return {
    bootId: bootId ?? '',
    machineId: machineId ?? '',
    systemUuid: (systemUuid ?? '').toLowerCase(),
    kernelVersion: release(),
    osImage: prettyName(osRelease ?? ''),
    cores: cpus().length,
    memoryBytes: BigInt(totalmem()),
  }
}

/** os-release(5): values may be quoted. */
export function prettyName(osRelease: string): string {
  const value = /^PRETTY_NAME=(.*)$/m.exec(osRelease)?.[1]?.trim() ?? ''
  return value.replace(/^(["'])(.*)\1$/, '$2')
}
