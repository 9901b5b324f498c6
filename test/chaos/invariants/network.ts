// Links and leases of the host's network against the domains that run.
import type { LabHost } from '../../support/lab-host.ts'
import { type Domain, differences } from './seen.ts'

const NETWORK = 'berth'

export async function wrongNetwork(host: LabHost, domains: readonly Domain[]): Promise<readonly string[]> {
  const links = JSON.parse(await host.exec('ip', '-j', 'link', 'show')) as readonly {
    readonly ifname: string
    readonly master?: string
  }[]
  const nics = domains.filter(({ running }) => running).flatMap(({ observed }) => observed.nics)
  const taps = links.filter(({ ifname }) => /^(vnet|tap)\d+$/.test(ifname))
  const leases = leasesOf(await host.virsh('net-dhcp-leases', NETWORK))
  const addresses = leases.map(({ address }) => address)
  return [
    ...differences(
      'links of guests',
      ['the host has', taps.map(({ ifname, master }) => `${ifname} on ${master ?? 'no bridge'}`)],
      ['domains have', nics.map(({ hostDevice, bridge }) => `${hostDevice} on ${bridge}`)],
    ),
    ...addresses
      .filter((address, index) => addresses.indexOf(address) !== index)
      .map((address) => `${address} is leased twice`),
  ]
}

/** virsh's table: date, time, MAC, protocol, address with prefix, host name, client id. */
function leasesOf(table: string): readonly { readonly mac: string; readonly address: string }[] {
  return [...table.matchAll(/^\s*\S+\s+\S+\s+([0-9a-f:]{17})\s+ipv4\s+([0-9.]+)\/\d+/gm)].map(
    ([, mac = '', address = '']) => ({ mac, address }),
  )
}
