import { formatVersion } from '../versions.ts'
import type { HostCheck } from './check.ts'

/** Debian 12's, the oldest that the tests run on. */
const OLDEST = 9_000_000

export const libvirtVersionCheck: HostCheck = {
  id: 'libvirt',
  title: 'libvirt',
  condition: 'LibvirtAvailable',
  advice: {
    means: 'The agent is connected to a libvirt that is new enough.',
    todo: 'Start libvirtd (or virtqemud); check `libvirt.socket` in the configuration. Machines run on without it; nothing can be started or changed.',
  },
  run: async ({ libvirtVersion }) => {
    if (libvirtVersion === undefined) {
      const remedy = 'Start libvirtd (or virtqemud) and check libvirt.socket in the configuration.'
      return { status: 'fail', message: 'There is no connection to libvirt.', remedy }
    }
    const version = formatVersion(libvirtVersion)
    if (libvirtVersion >= OLDEST) return { status: 'ok', message: `libvirt ${version}.` }
    return {
      status: 'warn',
      message: `libvirt ${version} is older than ${formatVersion(OLDEST)}, the oldest that was tried.`,
    }
  },
}
