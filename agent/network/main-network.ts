// The Main network of this host as the VM controller sees it: its name, each VM's MAC and address. Kept alive in the background:
// a network that cannot be had now is tried again, and the API and running guests do not wait for it.
import type { Clock } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import type { LibvirtPool } from '../../lib/libvirt/index.ts'
import type { Log } from '../log.ts'
import { AddressBook } from './address-book.ts'
import { isGuestAddress } from './ipv4.ts'
import type { Plug } from './loose-ends.ts'
import { macAddress } from './mac.ts'
import { ensureNatNetwork, type NatNetwork } from './nat-network.ts'

const CHECK_EVERY_MS = 10_000
const RETRY_MS = 5_000

export interface MainNetworkDeps {
  readonly libvirt: LibvirtPool
  readonly clock: Clock
  readonly log: Log
  readonly cidr?: string
  /** The address of a VM's MAC has changed. */
  readonly onAddress: (mac: string) => void
  /** A machine of this host has that MAC. */
  readonly isHere: (mac: string) => boolean
  /** The network can be used now and could not before, was started anew, or cannot be used any more: see {@link MainNetwork.problem}. */
  readonly onChange: () => void
}

/** Where a guest of this host is reached. */
export interface Reach {
  /** The guest's. */
  readonly address: string
  /** The host's own in that network: a connection from there never leaves by another way. */
  readonly from: string
}

export class MainNetwork {
  readonly #deps: MainNetworkDeps
  readonly #book: AddressBook
  readonly #stopping = new AbortController()
  #network: NatNetwork | null = null
  #problem: string | null = 'the network is not checked yet'
  #wake = new AbortController()
  #loop: Promise<void> | null = null

  constructor(deps: MainNetworkDeps) {
    this.#deps = deps
    const { libvirt, clock, onAddress, isHere } = deps
    this.#book = new AddressBook({ libvirt, clock, network: () => this.#network, onChange: onAddress, isHere })
  }

  /** One check now, then for ever in the background. A failing network is no error here: see {@link problem}. */
  async start(signal: AbortSignal): Promise<void> {
    await this.#ensure(signal)
    this.#book.start()
    this.#loop = this.#keep()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the agent is stopping'))
    this.#wake.abort()
    await Promise.all([this.#loop, this.#book.stop()])
  }

  /** Looks again at once, as after a reconnect. */
  check(): void {
    this.#wake.abort()
  }

  /** libvirt's name of the network; null while there is none. */
  name(): string | null {
    return this.#network?.name ?? null
  }

  /** Where its guests' interfaces belong; null while there is none. */
  plug(): Plug | null {
    return this.#network === null ? null : { network: this.#network.name, bridge: this.#network.bridge }
  }

  /** In words, why there is no network; null when there is. */
  problem(): string | null {
    return this.#problem
  }

  macOf(uid: string): string {
    return macAddress(uid, 0)
  }

  addressOf(mac: string): string | null {
    return this.#book.addressOf(mac)
  }

  /**
   * By the lease of the machine's own MAC in our subnet; null while there is none. What a guest says of itself never counts:
   * it could name any address.
   */
  reach(uid: string): Reach | null {
    const address = this.#book.knownAddress(this.macOf(uid))
    if (this.#network === null || address === null || !isGuestAddress(address, this.#network)) return null
    return { address, from: this.#network.gateway }
  }

  /** See {@link AddressBook.carry}. */
  carry(mac: string, address: string): void {
    this.#book.carry(mac, address)
  }

  /** In words, why the guest cannot go on with the address that it came with from another host; null when it can. */
  addressProblem(mac: string): string | null {
    return this.#book.problemOf(mac)
  }

  forget(mac: string): void {
    this.#book.forget(mac)
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const pause = this.#network === null ? RETRY_MS : CHECK_EVERY_MS
      await this.#deps.clock.sleep(pause, AbortSignal.any([signal, this.#wake.signal])).catch(() => undefined)
      this.#wake = new AbortController()
      if (!signal.aborted) await this.#ensure(signal)
    }
  }

  async #ensure(signal: AbortSignal): Promise<void> {
    const { libvirt, cidr, log, onChange } = this.#deps
    try {
      const before = this.#network
      this.#network = await ensureNatNetwork({ libvirt, ...(cidr === undefined ? {} : { cidr }) }, signal)
      this.#problem = null
      if (before === null || this.#network.started) {
        log.info({ network: this.#network.name, cidr: this.#network.cidr }, 'the NAT network is up')
        onChange()
      }
    } catch (error) {
      if (signal.aborted) return
      const problem = messageOf(error)
      const news = problem !== this.#problem
      this.#network = null
      this.#problem = problem
      if (!news) return
      log.warn({ err: error }, `no network for virtual machines: ${problem}`)
      onChange()
    }
  }
}
