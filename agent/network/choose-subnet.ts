/**
 * Which subnet and which bridge the NAT network gets: the first that nothing on the host uses. Pure; a host's choice
 * is kept in the network's definition, not here.
 */
import { type Block, netmask, overlaps, parseBlock, sizeOf, toAddress, toCidr } from './ipv4.ts'

export interface Subnet {
  /** `10.88.0.0/24` */
  readonly cidr: string
  /** Address of the host in it, the first one; also the guests' router and name server. */
  readonly gateway: string
  readonly netmask: string
  /** What DHCP gives out: all but the network's, the gateway's and the broadcast address. */
  readonly firstLease: string
  readonly lastLease: string
}

/** Seldom used parts of the three private ranges, so that one route over a whole range leaves two others. */
const RANGES = ['10.88.0.0/16', '172.28.0.0/16', '192.168.128.0/17']
const SUBNET_PREFIX = 24
/** Routes this wide or wider (`0.0.0.0/0`, or the two halves that VPN clients set) lead elsewhere by default and take nothing. */
const DEFAULT_ROUTE_PREFIX = 1
/** Smallest subnet: one guest beside gateway, network and broadcast address. */
const LONGEST_PREFIX = 30
/** Kernel limit of an interface name is 15 characters; three digits are plenty. */
const MAX_BRIDGES = 1000

/**
 * The first free /24 of the candidates.
 * @param inUse blocks in use on the host; texts that are no IPv4 block are ignored
 * @param refused blocks that were tried in vain
 */
export function chooseSubnet(inUse: readonly string[], refused: readonly string[] = []): Subnet | undefined {
  const taken = [...blocks(inUse).filter(({ prefix }) => prefix > DEFAULT_ROUTE_PREFIX), ...blocks(refused)]
  for (const range of blocks(RANGES)) {
    for (let base = range.base; base < range.base + sizeOf(range.prefix); base += sizeOf(SUBNET_PREFIX)) {
      const candidate = { base, prefix: SUBNET_PREFIX }
      if (!taken.some((block) => overlaps(block, candidate))) return toSubnet(candidate)
    }
  }
  return undefined
}

/** The subnet that an operator wrote down; `undefined` when it is no block or too small for a guest. */
export function parseSubnet(cidr: string): Subnet | undefined {
  const block = parseBlock(cidr)
  return block === undefined || block.prefix > LONGEST_PREFIX || block.prefix < 8 ? undefined : toSubnet(block)
}

function toSubnet(block: Block): Subnet {
  return {
    cidr: toCidr(block),
    gateway: toAddress(block.base + 1),
    netmask: netmask(block.prefix),
    firstLease: toAddress(block.base + 2),
    lastLease: toAddress(block.base + sizeOf(block.prefix) - 2),
  }
}

function blocks(texts: readonly string[]): Block[] {
  return texts.flatMap((text) => parseBlock(text) ?? [])
}

/** `berth0`, or the first such name that no interface and no network has. */
export function chooseBridge(taken: readonly string[]): string {
  return firstFree('berth', (n) => `berth${n}`, taken)
}

/** `berth`, or `berth-1` and so on where someone else's network has that name. */
export function chooseName(taken: readonly string[]): string {
  return firstFree('berth', (n) => (n === 0 ? 'berth' : `berth-${n}`), taken)
}

function firstFree(what: string, nameOf: (n: number) => string, taken: readonly string[]): string {
  const used = new Set(taken)
  for (let n = 0; n < MAX_BRIDGES; n++) {
    if (!used.has(nameOf(n))) return nameOf(n)
  }
  throw new Error(`all ${MAX_BRIDGES} names of the form ${what}N are taken`)
}
