// Addresses of the guests of the NAT network. libvirt has no event for a DHCP lease, so leases are asked for: all of them
// in one call, often while somebody waits for his address, seldom otherwise.
import type { Clock } from '../../lib/clock.ts'
import type { Network } from '../../lib/libvirt/index.ts'
import { leasedAddresses } from './leases.ts'
import type { LibvirtCall } from './libvirt-call.ts'

/** While a guest that started lately has no address. */
const EAGER_MS = 1_000
/** A guest without an address for so long is not waited for any more. */
const EAGER_FOR_MS = 180_000
/** Leases move rarely. */
const CALM_MS = 30_000

export interface AddressBookDeps {
  readonly libvirt: LibvirtCall
  readonly clock: Clock
  /** The network as it is now; null while there is none. */
  readonly network: () => Network | null
  /** The address of a watched MAC has changed. */
  readonly onChange: (mac: string) => void
}

export class AddressBook {
  readonly #deps: AddressBookDeps
  readonly #addresses = new Map<string, string>()
  /** MAC -> when it was first asked for. */
  readonly #watched = new Map<string, number>()
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

  forget(mac: string): void {
    this.#watched.delete(mac)
    this.#addresses.delete(mac)
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
    const { libvirt, network, onChange } = this.#deps
    const net = network()
    if (net === null || this.#watched.size === 0) return
    const leases = await leasedAddresses(libvirt, net, this.#stop.signal)
    for (const mac of this.#watched.keys()) {
      const address = leases.get(mac)
      if (address === this.#addresses.get(mac)) continue
      if (address === undefined) this.#addresses.delete(mac)
      else this.#addresses.set(mac, address)
      onChange(mac)
    }
  }
}
