/** Addresses that others may reach this host at. */
import { networkInterfaces } from 'node:os'

/** Bridges and ports of guests' networks. */
const GUESTS = /^(berth|virbr|vnet|tap)/

/** IPv4 addresses of the host's own interfaces, without loopback and link-local ones, sorted. */
export function hostAddresses(interfaces = networkInterfaces()): readonly string[] {
  return Object.entries(interfaces)
    .filter(([name]) => !GUESTS.test(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ internal, family, address }) => !internal && family === 'IPv4' && !address.startsWith('169.254.'))
    .map(({ address }) => address)
    .sort()
}

const LOOPBACK = /^(127\.|::1$|localhost$)/
const ANY = /^(0\.0\.0\.0|::)$/

/** The address at which other hosts send machines here. @throws Error in words when there is none */
export function migrationAddress(
  wanted: string | undefined,
  listen: readonly string[],
  addresses: readonly string[] = hostAddresses(),
): string {
  const own = listen
    .map((one) => one.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'))
    .find((host) => !LOOPBACK.test(host) && !ANY.test(host))
  const found = wanted ?? own ?? addresses[0]
  if (found === undefined) throw new Error('this host has no address for machines that come: see `migration.address`')
  return found
}
