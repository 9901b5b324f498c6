import type { HostCheck } from './check.ts'

export const dnsmasqCheck: HostCheck = {
  id: 'dnsmasq',
  title: 'DHCP and DNS for guests',
  condition: 'DHCPAvailable',
  advice: {
    means: 'dnsmasq runs. Without it the NAT network of the host cannot start.',
    todo: 'Install `dnsmasq-base`.',
  },
  run: async ({ host }, signal) => {
    const answer = await host.run('dnsmasq', ['--version'], signal)
    if (answer.ok) return { status: 'ok', message: `${/^Dnsmasq version \S+/.exec(answer.stdout)?.[0] ?? 'dnsmasq'}.` }
    const message = 'dnsmasq cannot be run: the NAT network cannot start.'
    return { status: 'fail', message, detail: answer.reason, remedy: 'Install the package dnsmasq-base.' }
  },
}
