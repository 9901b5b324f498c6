// What the client's tests share: a private libvirtd, pools on it, and the smallest guests.

import { afterAll, beforeAll } from 'vitest'
import { LibvirtPool, type LibvirtPoolOptions } from '../../../lib/libvirt/index.ts'
import { startLibvirtd, type TestLibvirtd } from '../../support/libvirtd.ts'

/** A guest of firmware only: no disk, nothing to boot, 32 MiB, emulated. Starts in some tenths of a second. */
export const firmwareGuest = (name: string, { menu = false, devices = '' } = {}): string => `<domain type='qemu'>
  <name>${name}</name>
  <memory unit='MiB'>32</memory>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    ${menu ? `<bootmenu enable='yes' timeout='60000'/><bios useserial='yes'/>` : ''}
  </os>
  <features><acpi/></features>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <serial type='pty'/>
    <console type='pty'/>
    <memballoon model='none'/>
    ${devices}
  </devices>
</domain>`

/** One libvirtd for the tests of a file, and pools that end with them. */
export function useLibvirtd(): { readonly daemon: () => TestLibvirtd; readonly pool: typeof newPool } {
  let daemon: TestLibvirtd | undefined
  const pools: LibvirtPool[] = []
  const current = (): TestLibvirtd => {
    if (daemon === undefined) throw new Error('libvirtd is not up')
    return daemon
  }
  async function newPool(options: Partial<LibvirtPoolOptions> = {}): Promise<LibvirtPool> {
    const pool = new LibvirtPool({ socketPath: current().socketPath, uri: 'qemu:///system', ...options })
    pools.push(pool)
    await pool.connect()
    return pool
  }
  beforeAll(async () => {
    daemon = await startLibvirtd()
  })
  afterAll(async () => {
    await Promise.all(pools.map((pool) => pool.close()))
    await daemon?.stop()
  })
  return { daemon: current, pool: newPool }
}

/** What a promise is rejected with. */
export const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error('expected a failure')
    },
    (error: unknown) => error,
  )

/** Items until one satisfies the condition, that one included; more can be taken from the same source later. */
export async function collectUntil<T>(items: AsyncIterable<T>, last: (item: T) => boolean): Promise<T[]> {
  const seen: T[] = []
  const iterator = items[Symbol.asyncIterator]()
  for (;;) {
    const { value, done } = await iterator.next()
    if (done) throw new Error(`ended after ${seen.length} items, before the one that was waited for`)
    seen.push(value)
    if (last(value)) return seen
  }
}
