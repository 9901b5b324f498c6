// Which IPv4 address a guest has, by the DHCP leases of the network.
import { isIPv4 } from 'node:net'
import type { Network } from '../../lib/libvirt/index.ts'
import type { LibvirtCall } from './libvirt-call.ts'

/** libvirt's VIR_IP_ADDR_TYPE_IPV4. */
const IPV4 = 0

export interface Lease {
  readonly mac: string | null
  readonly ipaddr: string
  readonly type: number
  readonly expirytime: bigint
}

/** All leases of the network; one call for all VMs. */
export async function allLeases(libvirt: LibvirtCall, net: Network, signal: AbortSignal): Promise<readonly Lease[]> {
  const { leases } = await libvirt.call(
    'NetworkGetDhcpLeases',
    { net, mac: null, needResults: 1, flags: 0 },
    { signal },
  )
  return leases
}

/** Address -> MAC (small letters), of leases that have not ended. `now`: ms since the epoch. */
export function holdersOf(leases: readonly Lease[], now: number): ReadonlyMap<string, string> {
  const open = leases.filter(({ type, expirytime }) => type === IPV4 && Number(expirytime) * 1000 > now)
  return new Map(open.flatMap(({ mac, ipaddr }) => (mac === null ? [] : [[ipaddr, mac.toLowerCase()] as const])))
}

/** MAC (small letters) -> address. A MAC that asked with another client id has several leases; the one that ends last is the one in use. */
export function newestByMac(leases: readonly Lease[]): ReadonlyMap<string, string> {
  const found = new Map<string, Lease>()
  for (const lease of leases) {
    if (lease.mac === null || lease.type !== IPV4 || !isIPv4(lease.ipaddr)) continue
    const mac = lease.mac.toLowerCase()
    const known = found.get(mac)
    if (known === undefined || lease.expirytime > known.expirytime) found.set(mac, lease)
  }
  return new Map([...found].map(([mac, lease]) => [mac, lease.ipaddr]))
}
