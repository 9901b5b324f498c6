import type { HostCheck } from './check.ts'

const DEVICE = '/dev/vhost-net'

export const vhostNetCheck: HostCheck = {
  id: 'vhost-net',
  title: 'Fast guest networking',
  condition: 'VhostNetAvailable',
  advice: {
    means: '`/dev/vhost-net` is there. Without it packets of guests cost more CPU.',
    todo: '`modprobe vhost_net`.',
  },
  run: async ({ host }) => {
    if (await host.exists(DEVICE)) return { status: 'ok', message: `${DEVICE} is there.` }
    return {
      status: 'warn',
      message: `${DEVICE} is missing: packets of guests go through QEMU, at a higher cost.`,
      remedy: 'modprobe vhost_net',
    }
  },
}
