// Addresses of the guests of the NAT network. libvirt has no event for a DHCP lease, so leases are asked for: all of them
// in one call, often while somebody waits for his address, seldom otherwise. A guest that came from another host has an address before it
// has a lease here: it is reserved, and shown, when the guest can go on with it.
import type { Clock } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Network } from '../../lib/libvirt/index.ts'
import { carriedProblem } from './carried.ts'
import { allLeases, holdersOf, newestByMac } from './leases.ts'
import type { LibvirtCall } from './libvirt-call.ts'
import { isOurs } from './mac.ts'
import { readReservations, reserve, unreserve } from './reservations.ts'

/** While a guest that started lately has no address. */
const EAGER_MS = 1_000
/** A guest without an address for so long is not waited for any more. */
const EAGER_FOR_MS = 180_000
/** Leases move rarely. */
const CALM_MS = 30_000

export interface BookedNetwork {
  readonly net: Network
  readonly cidr: string
  readonly gateway: string
}

export interface AddressBookDeps {
  readonly libvirt: LibvirtCall
  readonly clock: Clock
  /** The network as it is now; null while there is none. */
  readonly network: () => BookedNetwork | null
  /** The address of a watched MAC has changed. */
  readonly onChange: (mac: string) => void
  /** A machine of this host has that MAC. Asked once, of what is reserved when this agent first looks. */
  readonly isHere: (mac: string) => boolean
}

export class AddressBook {
  readonly #deps: AddressBookDeps
  readonly #addresses = new Map<string, string>()
  /** MAC -> when it was first asked for. */
  readonly #watched = new Map<string, number>()
  /** MAC -> the address that its guest came with. */
  readonly #carried = new Map<string, string>()
  /** MAC -> in words, why its guest cannot go on with that. */
  readonly #problems = new Map<string, string>()
  /** MACs of guests that are gone, whose reservation, if they have one, has to go. */
  readonly #leaving = new Set<string>()
  /** What an earlier agent reserved was looked through: one that was killed right after a guest's end has left an entry. */
  #tidied = false
  readonly #stop = new AbortController()
  #wake = new AbortController()
  #running: Promise<void> | null = null

  constructor(deps: AddressBookDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#running ??= this.#loop()
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the agent is stopping'))
    this.#wake.abort()
    await this.#running
  }

  /** The address known now; from now on its changes are told. */
  addressOf(mac: string): string | null {
    if (!this.#watched.has(mac)) {
      this.#watched.set(mac, this.#deps.clock.now())
      this.#wake.abort()
    }
    return this.#addresses.get(mac) ?? null
  }

  /** The address known now; asks for nothing. */
  knownAddress(mac: string): string | null {
    return this.#addresses.get(mac) ?? null
  }

  /** The guest came, or is about to come, with this address: nobody else is given it here from now on. May be repeated. */
  carry(mac: string, address: string): void {
    if (this.#carried.get(mac) === address) return
    this.#carried.set(mac, address)
    this.#leaving.delete(mac)
    this.addressOf(mac)
    this.#wake.abort()
  }

  /** In words, why the guest cannot go on with the address that it came with; null when it can, or came with none. */
  problemOf(mac: string): string | null {
    return this.#problems.get(mac) ?? null
  }

  forget(mac: string): void {
    this.#watched.delete(mac)
    this.#addresses.delete(mac)
    this.#problems.delete(mac)
    this.#carried.delete(mac)
    this.#leaving.add(mac)
    this.#wake.abort()
  }

  async #loop(): Promise<void> {
    const { clock } = this.#deps
    const { signal } = this.#stop
    while (!signal.aborted) {
      // A fault shows in the log of the call's own controller; the next turn asks again.
      await this.#refresh().catch(() => undefined)
      this.#wake = new AbortController()
      const pause = this.#someoneWaits() ? EAGER_MS : CALM_MS
      await clock.sleep(pause, AbortSignal.any([signal, this.#wake.signal])).catch(() => undefined)
      // A burst of starts must not become a burst of questions.
      if (this.#wake.signal.aborted) await clock.sleep(EAGER_MS / 2, signal).catch(() => undefined)
    }
  }

  #someoneWaits(): boolean {
    const now = this.#deps.clock.now()
    for (const [mac, since] of this.#watched) if (!this.#addresses.has(mac) && now - since < EAGER_FOR_MS) return true
    return false
  }

  async #refresh(): Promise<void> {
    const { libvirt, network, clock, onChange } = this.#deps
    const booked = network()
    if (booked === null || (this.#tidied && this.#watched.size + this.#leaving.size === 0)) return
    const leases = await allLeases(libvirt, booked.net, this.#stop.signal)
    const leased = newestByMac(leases)
    const carried = await this.#keepCarried(booked, holdersOf(leases, clock.now()), leased)
    for (const mac of this.#watched.keys()) {
      const address = leased.get(mac) ?? carried.addresses.get(mac)
      const problem = carried.problems.get(mac)
      if (address === this.#addresses.get(mac) && problem === this.#problems.get(mac)) continue
      put(this.#addresses, mac, address)
      put(this.#problems, mac, problem)
      onChange(mac)
    }
  }

  /** Makes and removes reservations. @returns what guests have that came with an address and have no lease here yet */
  async #keepCarried(
    { net, cidr, gateway }: BookedNetwork,
    leased: ReadonlyMap<string, string>,
    byMac: ReadonlyMap<string, string>,
  ) {
    const { libvirt, isHere } = this.#deps
    const { signal } = this.#stop
    const addresses = new Map<string, string>()
    const problems = new Map<string, string>()
    if (this.#tidied && this.#carried.size + this.#leaving.size === 0) return { addresses, problems }
    const reserved = new Map(await readReservations(libvirt, net, signal))
    if (!this.#tidied)
      for (const mac of reserved.keys())
        if (isOurs(mac) && !this.#carried.has(mac) && !isHere(mac)) this.#leaving.add(mac)
    this.#tidied = true
    for (const mac of this.#leaving) {
      const address = reserved.get(mac)
      if (address !== undefined) await unreserve(libvirt, net, mac, address, signal)
      reserved.delete(mac)
      this.#leaving.delete(mac)
    }
    for (const [mac, address] of this.#carried) {
      // By now it has asked for one here.
      if (byMac.has(mac) && !reserved.has(mac)) continue
      const holders = new Map([...leased, ...[...reserved].map(([owner, has]) => [has, owner] as const)])
      let problem = carriedProblem({ mac, address, network: { cidr, gateway }, holders })
      if (problem === null && reserved.get(mac) !== address)
        await reserve(libvirt, net, mac, address, signal).catch((error: unknown) => {
          signal.throwIfAborted()
          problem = `the address ${address}, with which the guest came, cannot be kept for it: ${messageOf(error)}`
        })
      if (problem !== null) put(problems, mac, byMac.has(mac) ? undefined : problem)
      else {
        reserved.set(mac, address)
        addresses.set(mac, address)
      }
    }
    return { addresses, problems }
  }
}

function put<T>(map: Map<string, T>, key: string, value: T | undefined): void {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}
