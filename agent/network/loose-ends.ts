// Guests' network interfaces that are on no bridge: whoever stops a network takes its bridge away under the guests that are on it, and
// libvirt does not put them on the next one.
import { readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { execa } from 'execa'
import type { ObservedNic } from '../../lib/domain/index.ts'

/** Where interfaces of a network belong. */
export interface Plug {
  readonly network: string
  readonly bridge: string
}

export interface LooseEnd {
  /** The interface's end on the host, as libvirt names it. */
  readonly device: string
  readonly bridge: string
}

const TIMEOUT_MS = 10_000

/** The kernel's word, one link of sysfs each. `masterOf` gives the bridge of a device, null for none. */
export function looseEnds(
  nics: readonly ObservedNic[],
  plug: Plug | null,
  masterOf: (device: string) => string | null | undefined = readMaster,
): readonly LooseEnd[] {
  if (plug === null) return []
  return nics.flatMap(({ network, hostDevice: device }) =>
    network === plug.network && device !== undefined && masterOf(device) === null
      ? [{ device, bridge: plug.bridge }]
      : [],
  )
}

/** @throws with the words of `ip` */
export async function plugIn({ device, bridge }: LooseEnd, signal: AbortSignal): Promise<void> {
  const args = ['link', 'set', 'dev', device, 'master', bridge, 'up']
  await execa('ip', args, { cancelSignal: signal, timeout: TIMEOUT_MS, stdin: 'ignore' })
}

/** Null: on no bridge. Undefined: there is no such device (any more). */
function readMaster(device: string): string | null | undefined {
  const folder = `/sys/class/net/${device}`
  try {
    return basename(readlinkSync(`${folder}/master`))
  } catch {
    return exists(folder) ? null : undefined
  }
}

function exists(link: string): boolean {
  try {
    readlinkSync(link)
    return true
  } catch {
    return false
  }
}
