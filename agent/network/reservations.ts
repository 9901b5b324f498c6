// Addresses that the network's DHCP keeps for one guest each: entries of libvirt's definition, which dnsmasq gives to nobody else, live and
// after the network's next start.
import { NetworkUpdateCommand, NetworkUpdateFlags, NetworkUpdateSection } from '../../lib/libvirt/constants.gen.ts'
import type { Network } from '../../lib/libvirt/index.ts'
import { at, attrOf, childrenOf, el, parseXml, printXml } from '../../lib/xml/index.ts'
import type { LibvirtCall } from './libvirt-call.ts'

const LIVE_XML = 0
const BOTH = NetworkUpdateFlags.LIVE | NetworkUpdateFlags.CONFIG
/** dnsmasq is told by a signal; on a busy host that takes its time. */
const TIMEOUT_MS = 30_000

/** MAC (small letters) -> address. */
export function reservationsIn(xml: string): ReadonlyMap<string, string> {
  const hosts = childrenOf(parseXml(xml), 'ip').flatMap((ip) => {
    const dhcp = at(ip, 'dhcp')
    return dhcp === undefined ? [] : childrenOf(dhcp, 'host')
  })
  return new Map(
    hosts.flatMap((host) => {
      const [mac, address] = [attrOf(host, 'mac'), attrOf(host, 'ip')]
      return mac === undefined || address === undefined ? [] : [[mac.toLowerCase(), address] as const]
    }),
  )
}

/** MAC (small letters) -> address, of the running network. @throws LibvirtError */
export async function readReservations(libvirt: LibvirtCall, net: Network, signal: AbortSignal) {
  const { xml } = await libvirt.call('NetworkGetXMLDesc', { net, flags: LIVE_XML }, { signal })
  return reservationsIn(xml)
}

const update = async (
  libvirt: LibvirtCall,
  net: Network,
  command: NetworkUpdateCommand,
  [mac, address]: readonly [string, string],
  signal: AbortSignal,
): Promise<void> => {
  const xml = printXml(el('host', { mac, ip: address }))
  const section = NetworkUpdateSection.IP_DHCP_HOST
  await libvirt.call(
    'NetworkUpdate',
    { net, command, section, parentIndex: -1, xml, flags: BOTH },
    { signal, timeoutMs: TIMEOUT_MS },
  )
}

/** @throws LibvirtError, as when another entry has the MAC or the address */
export const reserve = (libvirt: LibvirtCall, net: Network, mac: string, address: string, signal: AbortSignal) =>
  update(libvirt, net, NetworkUpdateCommand.ADD_FIRST, [mac, address], signal)

/** @throws LibvirtError, as when there is none */
export const unreserve = (libvirt: LibvirtCall, net: Network, mac: string, address: string, signal: AbortSignal) =>
  update(libvirt, net, NetworkUpdateCommand.DELETE, [mac, address], signal)
