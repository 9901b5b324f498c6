import type { HostCheck } from './check.ts'

const DEVICE = '/dev/net/tun'

export const tunCheck: HostCheck = {
  id: 'tun',
  title: 'Guest network interfaces',
  condition: 'TunAvailable',
  advice: {
    means: '`/dev/net/tun` is there. Without it no guest has a network.',
    todo: '`modprobe tun`, and list it in `/etc/modules-load.d`.',
  },
  run: async ({ host }) => {
    if (await host.exists(DEVICE)) return { status: 'ok', message: `${DEVICE} is there.` }
    return {
      status: 'fail',
      message: `${DEVICE} is missing: no guest can have a network interface.`,
      remedy: 'modprobe tun',
    }
  },
}
