/** Our network as libvirt's XML, and the facts of any network read back. Pure. */
import { at, attrOf, childrenOf, el, parseXml, printXml, textOf, type XmlElement } from '../../lib/xml/index.ts'
import type { Subnet } from './choose-subnet.ts'
import { prefixOf } from './ipv4.ts'

export interface NetworkPlan {
  readonly name: string
  readonly uuid: string
  readonly bridge: string
  readonly subnet: Subnet
}

/** What matters of a network, ours or foreign. */
export interface ObservedNetwork {
  readonly name: string
  readonly uuid: string
  readonly bridge?: string
  /** IPv4 blocks of its addresses and routes; the first is the one that DHCP serves in a network of ours. */
  readonly cidrs: readonly string[]
  readonly gateway?: string
}

/** The mark in the definition that tells an operator whose network this is. */
const METADATA_URI = 'https://berth.dev/network/1'

/** libvirt's door to options of dnsmasq that it has no element for. */
const DNSMASQ_URI = 'http://libvirt.org/schemas/network/dnsmasq/1.0'

export function networkXml({ name, uuid, bridge, subnet }: NetworkPlan): string {
  return printXml(
    el(
      'network',
      { 'xmlns:dnsmasq': DNSMASQ_URI },
      el('name', {}, name),
      el('uuid', {}, uuid),
      el('metadata', {}, el('berth:network', { 'xmlns:berth': METADATA_URI })),
      el('forward', { mode: 'nat' }),
      // Spanning tree would hold back each new guest's packets for 4 s, and let guests speak to it; no loop can arise here.
      el('bridge', { name: bridge, stp: 'off', delay: 0 }),
      el(
        'ip',
        { family: 'ipv4', address: subnet.gateway, netmask: subnet.netmask },
        el('dhcp', {}, el('range', { start: subnet.firstLease, end: subnet.lastLease })),
      ),
      // dnsmasq would ping an address for 3 s before it first gives it out; nobody else gives out addresses here.
      el('dnsmasq:options', {}, el('dnsmasq:option', { value: 'no-ping' })),
    ),
  )
}

export function observeNetwork(xml: string): ObservedNetwork {
  const network = parseXml(xml)
  const bridge = attrOf(at(network, 'bridge'), 'name')
  const ips = childrenOf(network, 'ip')
  const gateway = ips.map((ip) => attrOf(ip, 'address')).find((address) => address !== undefined)
  return {
    name: textOf(at(network, 'name')),
    uuid: textOf(at(network, 'uuid')).toLowerCase(),
    ...(bridge === undefined ? {} : { bridge }),
    ...(gateway === undefined ? {} : { gateway }),
    cidrs: [...ips, ...childrenOf(network, 'route')].flatMap(blockOf),
  }
}

function blockOf(element: XmlElement): string[] {
  const address = attrOf(element, 'address')
  const mask = attrOf(element, 'netmask')
  const prefix = attrOf(element, 'prefix') ?? (mask === undefined ? undefined : prefixOf(mask))
  return address === undefined || prefix === undefined ? [] : [`${address}/${prefix}`]
}
