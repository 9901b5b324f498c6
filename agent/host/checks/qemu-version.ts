import { formatVersion } from '../versions.ts'
import type { HostCheck } from './check.ts'

/** Debian 12's, the oldest that the tests run on. */
const OLDEST = 7_002_000

export const qemuVersionCheck: HostCheck = {
  id: 'qemu',
  title: 'QEMU',
  condition: 'QEMUAvailable',
  advice: {
    means: 'libvirt finds QEMU, and it is new enough.',
    todo: 'Install `qemu-system-x86`; see the log of libvirt.',
  },
  run: async ({ qemuVersion }) => {
    if (qemuVersion === undefined) {
      const remedy = 'Install qemu-system-x86 and see the log of libvirt.'
      return { status: 'fail', message: 'libvirt reports no QEMU.', remedy }
    }
    const version = formatVersion(qemuVersion)
    if (qemuVersion >= OLDEST) return { status: 'ok', message: `QEMU ${version}.` }
    return {
      status: 'warn',
      message: `QEMU ${version} is older than ${formatVersion(OLDEST)}, the oldest that was tried.`,
    }
  },
}
