import { formatVersion } from '../versions.ts'
import type { HostCheck } from './check.ts'

/**
 * Before, emulation forgets writes of the guest while its memory is sent: `cpu_physical_memory_sync_dirty_bitmap` leaves the TLB's writable
 * entries as they are (QEMU's commit "physmem: Fix migration dirty bitmap coherency with TCG memory access"). KVM is not concerned.
 */
const MENDED = 9_000_000

export const emulatedMovesCheck: HostCheck = {
  id: 'emulated-moves',
  title: 'emulated guests survive a live migration',
  advice: {
    means: `Guests run by KVM, or this QEMU is ${formatVersion(MENDED)} or newer: older ones lose memory of emulated guests that are moved, which may crash then.`,
    todo: `Use KVM, or install QEMU ${formatVersion(MENDED)} or newer, on hosts between which guests move.`,
  },
  run: async ({ emulated, qemuVersion = 0 }) => {
    const version = formatVersion(qemuVersion)
    if (!emulated) return { status: 'ok', message: 'Guests do not run by emulation.' }
    if (qemuVersion >= MENDED) return { status: 'ok', message: `QEMU ${version}.` }
    return {
      status: 'warn',
      message: `QEMU ${version} loses memory of emulated guests when they are moved live: they may crash then.`,
      remedy: `Use KVM, or QEMU ${formatVersion(MENDED)} or newer, on hosts between which guests move.`,
    }
  },
}
