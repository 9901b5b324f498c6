/**
 * The host's one NAT network with DHCP: found, or made, and running. Safe to call at any time and again.
 * Ours is the network with our UUID; every other one is only read, to keep out of its way.
 */
import { ErrorNumber, LibvirtError, type Network } from '../../lib/libvirt/index.ts'
import { chooseBridge, chooseName, chooseSubnet, parseSubnet, type Subnet } from './choose-subnet.ts'
import { type HostAddresses, readHostAddresses } from './host-addresses.ts'
import type { LibvirtCall } from './libvirt-call.ts'
import { networkXml, type ObservedNetwork, observeNetwork } from './network-xml.ts'

/** Identity of the network on every host; a random number, made once for this project. */
export const NAT_NETWORK_UUID = '9e1b6d0c-3f57-4c61-8a3e-5d2f7c04b8a1'

/** How often another subnet is tried after libvirt refused to start the network. */
const MAX_ATTEMPTS = 5
/** Starting a network sets up a bridge, firewall rules and dnsmasq: half a second, much more on a busy host. */
const START_TIMEOUT_MS = 30_000
/** Lists active and inactive ones of any kind. */
const ALL_NETWORKS = 0
/** The network as it runs; the definition when it does not. */
const LIVE_XML = 0
/** The definition as it will be after the next start. */
const INACTIVE_XML = 1

export interface NatNetwork {
  /** libvirt's handle, for leases. */
  readonly net: Network
  /** Name that a NIC's source refers to. */
  readonly name: string
  readonly bridge: string
  /** The guests' subnet and the host's address in it. */
  readonly cidr: string
  readonly gateway: string
  /** It did not run, and was started just now: guests' interfaces are on no bridge. */
  readonly started: boolean
}

export interface NatNetworkOptions {
  readonly libvirt: LibvirtCall
  /** Subnet that the operator asked for. Takes effect when the network is started next: guests keep the running one. */
  readonly cidr?: string
  /** What the host uses; read with `ip` by default. */
  readonly readHost?: (signal: AbortSignal) => Promise<HostAddresses>
}

/** No network could be had; the message says why, `cause` has libvirt's last word. */
export class NatNetworkError extends Error {
  override readonly name = 'NatNetworkError'
}

/**
 * Finds our network or defines it on a free subnet, and starts it when it is not running. libvirt refuses a subnet in
 * use only at the start, so a refused start is followed by another subnet, a few times.
 * @throws NatNetworkError, LibvirtError, or the signal's reason
 */
export async function ensureNatNetwork(options: NatNetworkOptions, signal: AbortSignal): Promise<NatNetwork> {
  const { libvirt, cidr } = options
  const wanted = cidr === undefined ? undefined : requireSubnet(cidr)
  const existing = await lookup(libvirt, signal)
  const running = existing === undefined ? undefined : await describeIfActive(libvirt, existing, signal)
  if (running !== undefined) return running

  const refused: string[] = []
  let cause: unknown
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const keep = attempt === 0 && existing !== undefined && (await hasSubnet(libvirt, existing, wanted, signal))
    const net = keep ? existing : await define(options, wanted, refused, signal)
    const failure = await start(libvirt, net, signal)
    if (failure === undefined) return { ...(await describe(libvirt, net, signal)), started: true }
    const active = await describeIfActive(libvirt, net, signal)
    if (active !== undefined) return active
    cause = failure
    if (wanted !== undefined && !keep) break
    refused.push(...(await readNetwork(libvirt, net, INACTIVE_XML, signal)).cidrs)
  }
  const tried = refused.length > 1 ? ` on ${refused.length} subnets` : ''
  const reason = cause instanceof Error ? cause.message : String(cause)
  throw new NatNetworkError(`libvirt cannot start the NAT network${tried}: ${reason}`, { cause })
}

function requireSubnet(cidr: string): Subnet {
  const subnet = parseSubnet(cidr)
  if (subnet !== undefined) return subnet
  throw new NatNetworkError(`network.cidr: ${JSON.stringify(cidr)} is not an IPv4 subnet from /8 to /30`)
}

async function lookup(libvirt: LibvirtCall, signal: AbortSignal): Promise<Network | undefined> {
  try {
    return (await libvirt.call('NetworkLookupByUUID', { uuid: NAT_NETWORK_UUID }, { signal })).net
  } catch (error) {
    if (error instanceof LibvirtError && error.code === ErrorNumber.ERR_NO_NETWORK) return undefined
    throw error
  }
}

/** A stopped definition is kept as it is, unless the operator has asked for another subnet since. */
async function hasSubnet(libvirt: LibvirtCall, net: Network, wanted: Subnet | undefined, signal: AbortSignal) {
  if (wanted === undefined) return true
  const { cidrs } = await readNetwork(libvirt, net, INACTIVE_XML, signal)
  return parseSubnet(cidrs[0] ?? '')?.cidr === wanted.cidr
}

/** Defining again with our UUID replaces our definition and keeps name and bridge where they are still free. */
async function define(
  options: NatNetworkOptions,
  wanted: Subnet | undefined,
  refused: readonly string[],
  signal: AbortSignal,
): Promise<Network> {
  const { libvirt, readHost = readHostAddresses } = options
  const [host, networks] = await Promise.all([readHost(signal), readNetworks(libvirt, signal)])
  const foreign = networks.filter(({ uuid }) => uuid !== NAT_NETWORK_UUID)
  const ours = networks.find(({ uuid }) => uuid === NAT_NETWORK_UUID)
  const subnet = wanted ?? chooseSubnet([...host.cidrs, ...foreign.flatMap(({ cidrs }) => cidrs)], refused)
  if (subnet === undefined) throw new NatNetworkError('no private subnet is free on this host: set network.cidr')
  const bridges = [...host.interfaces, ...foreign.flatMap(({ bridge }) => bridge ?? [])]
  const names = foreign.map(({ name }) => name)
  const name = ours?.name ?? chooseName(names)
  const xml = networkXml({ name, uuid: NAT_NETWORK_UUID, bridge: chooseBridge(bridges), subnet })
  return (await libvirt.call('NetworkDefineXML', { xml }, { signal })).net
}

async function readNetworks(libvirt: LibvirtCall, signal: AbortSignal): Promise<ObservedNetwork[]> {
  const { nets } = await libvirt.call('ConnectListAllNetworks', { needResults: 1, flags: ALL_NETWORKS }, { signal })
  const read = await Promise.all(nets.map((net) => readIfThere(libvirt, net, signal)))
  return read.flatMap((network) => network ?? [])
}

/** Networks of others come and go between the list and the look. */
async function readIfThere(libvirt: LibvirtCall, net: Network, signal: AbortSignal) {
  try {
    return await readNetwork(libvirt, net, LIVE_XML, signal)
  } catch (error) {
    if (error instanceof LibvirtError && error.code === ErrorNumber.ERR_NO_NETWORK) return undefined
    throw error
  }
}

async function readNetwork(libvirt: LibvirtCall, net: Network, flags: number, signal: AbortSignal) {
  return observeNetwork((await libvirt.call('NetworkGetXMLDesc', { net, flags }, { signal })).xml)
}

/** libvirt's refusal, or nothing when the network runs. Other errors (no answer, connection lost) are thrown. */
async function start(libvirt: LibvirtCall, net: Network, signal: AbortSignal): Promise<LibvirtError | undefined> {
  try {
    await libvirt.call('NetworkCreate', { net }, { signal, timeoutMs: START_TIMEOUT_MS })
    return undefined
  } catch (error) {
    if (error instanceof LibvirtError) return error
    throw error
  }
}

async function describeIfActive(libvirt: LibvirtCall, net: Network, signal: AbortSignal) {
  const { active } = await libvirt.call('NetworkIsActive', { net }, { signal })
  return active === 0 ? undefined : describe(libvirt, net, signal)
}

async function describe(libvirt: LibvirtCall, net: Network, signal: AbortSignal): Promise<NatNetwork> {
  const { name, bridge, gateway, cidrs } = await readNetwork(libvirt, net, LIVE_XML, signal)
  const subnet = parseSubnet(cidrs[0] ?? '')
  if (bridge === undefined || gateway === undefined || subnet === undefined) {
    throw new NatNetworkError(`libvirt's network ${JSON.stringify(name)} has our UUID but not our shape`)
  }
  return { net, name, bridge, gateway, cidr: subnet.cidr, started: false }
}
