/** Which IPv4 address a guest has: from the network's DHCP leases, else from the guest agent. */
import { isIPv4 } from 'node:net'
import { type Domain, LibvirtError, type Network } from '../../lib/libvirt/index.ts'
import type { LibvirtCall } from './libvirt-call.ts'

/** libvirt's VIR_IP_ADDR_TYPE_IPV4. */
const IPV4 = 0
/** libvirt's VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT. */
const SOURCE_AGENT = 1
/** A guest agent answers at once or not at all. */
const AGENT_TIMEOUT_MS = 5_000

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

/** MAC (small letters) -> address of all leases of the network; one call for all VMs. */
export const leasedAddresses = async (
  libvirt: LibvirtCall,
  net: Network,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> => newestByMac(await allLeases(libvirt, net, signal))

/** Address -> MAC (small letters), of leases that have not ended. `now`: ms since the epoch. */
export function holdersOf(leases: readonly Lease[], now: number): ReadonlyMap<string, string> {
  const open = leases.filter(({ type, expirytime }) => type === IPV4 && Number(expirytime) * 1000 > now)
  return new Map(open.flatMap(({ mac, ipaddr }) => (mac === null ? [] : [[ipaddr, mac.toLowerCase()] as const])))
}

/** The address leased to one MAC. */
export async function leasedAddress(libvirt: LibvirtCall, net: Network, mac: string, signal: AbortSignal) {
  const { leases } = await libvirt.call('NetworkGetDhcpLeases', { net, mac, needResults: 1, flags: 0 }, { signal })
  return newestByMac(leases).get(mac.toLowerCase())
}

/** A MAC that asked with another client id has several leases; the one that ends last is the one in use. */
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

/** The address that the guest itself reports for a MAC; nothing when no agent answers. */
export async function reportedAddress(libvirt: LibvirtCall, dom: Domain, mac: string, signal: AbortSignal) {
  try {
    const limits = { signal, timeoutMs: AGENT_TIMEOUT_MS }
    const { ifaces } = await libvirt.call('DomainInterfaceAddresses', { dom, source: SOURCE_AGENT, flags: 0 }, limits)
    return pickReported(ifaces, mac)
  } catch (error) {
    if (error instanceof LibvirtError) return undefined
    throw error
  }
}

interface ReportedInterface {
  readonly hwaddr: string | null
  readonly addrs: readonly { readonly type: number; readonly addr: string }[]
}

/** Link-local addresses (169.254/16) say that the guest got none. What is no address is not believed. */
export function pickReported(interfaces: readonly ReportedInterface[], mac: string): string | undefined {
  return interfaces
    .filter(({ hwaddr }) => hwaddr?.toLowerCase() === mac.toLowerCase())
    .flatMap(({ addrs }) => addrs)
    .find(({ type, addr }) => type === IPV4 && isIPv4(addr) && !addr.startsWith('169.254.'))?.addr
}
