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
