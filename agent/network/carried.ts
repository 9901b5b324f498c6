// A guest that came live from another host has the address that it had there. Each host's NAT network gives addresses of its own, so whether
// it can go on with it is decided here: it can when the address is of this host's subnet too and nobody else has it. Pure.
import { isGuestAddress } from './ipv4.ts'

export interface CarriedFacts {
  /** Small letters. */
  readonly mac: string
  readonly address: string
  readonly network: { readonly cidr: string; readonly gateway: string }
  /** Who has the address by a lease that has not ended, or by a reservation: MACs in small letters. */
  readonly holders: ReadonlyMap<string, string>
}

/** In words, why the guest cannot go on with its address; null when it can. */
export function carriedProblem({ mac, address, network, holders }: CarriedFacts): string | null {
  const until = 'until it asks for another one (its DHCP lease ends, or it is restarted) it has no connection'
  if (!isGuestAddress(address, network))
    return `the guest came with the address ${address}, which is not of this host's network ${network.cidr}: ${until}`
  const holder = holders.get(address)
  return holder === undefined || holder === mac
    ? null
    : `the guest came with the address ${address}, which another guest has here (${holder}): ${until}`
}
