/** IPv4 blocks as numbers. Pure; the few operations that choosing a subnet needs. */
import { isIPv4 } from 'node:net'

export interface Block {
  /** First address of the block. */
  readonly base: number
  /** 0 to 32. */
  readonly prefix: number
}

/** Reads `10.0.0.0/8`, `10.1.2.3/8` (the same block) or a bare address (/32); `undefined` for anything else. */
export function parseBlock(text: string): Block | undefined {
  const [address = '', bits = '32', ...rest] = text.split('/')
  const value = toNumber(address)
  const prefix = /^\d{1,2}$/.test(bits) ? Number(bits) : 33
  if (value === undefined || prefix > 32 || rest.length > 0) return undefined
  return { base: value - (value % sizeOf(prefix)), prefix }
}

/** `10.88.0.1` -> its 32 bits as a number; `undefined` for what is no IPv4 address. */
export function toNumber(address: string): number | undefined {
  if (!isIPv4(address)) return undefined
  return address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0)
}

export function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')
}

export function toCidr({ base, prefix }: Block): string {
  return `${toAddress(base)}/${prefix}`
}

/** Number of addresses in a block of that prefix. */
export function sizeOf(prefix: number): number {
  return 2 ** (32 - prefix)
}

/** `24` -> `255.255.255.0`. */
export function netmask(prefix: number): string {
  return toAddress(2 ** 32 - sizeOf(prefix))
}

/** Prefix of a netmask in dotted form; `undefined` when it is none. */
export function prefixOf(mask: string): number | undefined {
  const value = toNumber(mask)
  const prefix = value === undefined ? -1 : 32 - Math.log2(2 ** 32 - value)
  return Number.isInteger(prefix) && prefix >= 0 ? prefix : undefined
}

/** Whether some address is in both. */
export function overlaps(a: Block, b: Block): boolean {
  const [wide, narrow] = a.prefix <= b.prefix ? [a, b] : [b, a]
  return narrow.base >= wide.base && narrow.base < wide.base + sizeOf(wide.prefix)
}

/** Whether a guest can have the address: inside the subnet, and none of its network, broadcast and gateway addresses. */
export function isGuestAddress(
  address: string,
  { cidr, gateway }: { readonly cidr: string; readonly gateway: string },
): boolean {
  const [block, value] = [parseBlock(cidr), toNumber(address)]
  if (block === undefined || value === undefined || value === toNumber(gateway)) return false
  return value > block.base && value < block.base + sizeOf(block.prefix) - 1
}
