import type { HostCheck } from './check.ts'

/** Whether shares of CPU time can be guaranteed to guests. */
export const cgroupCpuCheck: HostCheck = {
  id: 'cgroup-cpu',
  title: 'CPU shares can be guaranteed',
  condition: 'CPUSharesAvailable',
  advice: {
    means:
      'Shares of CPU time can be given to guests. Without it a machine with a `coreFraction` below 100% does not start.',
    todo: 'Mount cgroup2 at `/sys/fs/cgroup`, or the cpu controller of version 1.',
  },
  run: async ({ cpuController }) => {
    if (cpuController !== null) return { status: 'ok', message: `cgroup ${cpuController} has a cpu controller.` }
    return {
      status: 'warn',
      message:
        'No cgroup hierarchy with a cpu controller is mounted: VMs with a coreFraction below 100% cannot start here.',
      remedy: 'Mount cgroup2 at /sys/fs/cgroup, or the version 1 cpu controller.',
    }
  },
}
