// Which QEMUs do not answer their monitor: stopped by a signal, or stuck in a disk of the host. libvirt itself waits for them without
// end, so one bulk question every half minute finds out, and libvirt's own record of whom it waits for says which.
//
// INVARIANTS: few questions are under way, as each that meets a hung QEMU holds one of libvirt's workers until that QEMU ends or goes on;
// a domain that libvirt waits for already is passed over (NOWAIT), so one hung QEMU holds one question.
import type { Clock } from '../lib/clock.ts'
import { ConnectListAllDomainsFlags, DomainControlState, type LibvirtPool } from '../lib/libvirt/index.ts'

const EVERY_MS = 20_000
/** While somebody does not answer, it is looked at more often. */
const HUNG_EVERY_MS = 3_000
/** A QEMU answers within milliseconds; on a host that swaps within seconds. */
const SILENT_MS = 5_000
const QUESTIONS = 3
/** Such a question ends when the QEMU does. */
const QUESTION_MS = 24 * 3_600_000
/** VIR_DOMAIN_STATS_BALLOON: asked of QEMU's monitor. */
const STATS = 4
/** VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE, NOWAIT. */
const FLAGS = 1 | 536_870_912

export interface PulseDeps {
  readonly libvirt: Pick<LibvirtPool, 'call'>
  readonly clock: Clock
  /** Ours are told of; others are left alone. */
  readonly isOurs: (uuid: string) => boolean
  /** Its QEMU does not answer any more, or does again. Must not throw. */
  readonly onChange: (uuid: string, silent: boolean) => void
}

export class Pulse {
  readonly #deps: PulseDeps
  readonly #silent = new Set<string>()
  #questions = 0

  constructor(deps: PulseDeps) {
    this.#deps = deps
  }

  /** Whether the domain's QEMU does not answer. */
  isSilent(uuid: string): boolean {
    return this.#silent.has(uuid)
  }

  get silent(): number {
    return this.#silent.size
  }

  /** Asks until the signal aborts. Never rejects. */
  async watch(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps
    while (!signal.aborted) {
      // libvirt away or hung: LibvirtHealth tells of that.
      await this.#round(signal).catch(() => undefined)
      await clock.sleep(this.#silent.size > 0 ? HUNG_EVERY_MS : EVERY_MS, signal).catch(() => undefined)
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const answered = this.#questions < QUESTIONS && (await this.#ask(signal))
    if (answered && this.#silent.size === 0) return
    this.#judge(await this.#waitedFor(signal))
  }

  /** Whether everybody answered in time. A question without an answer goes on by itself. */
  async #ask(signal: AbortSignal): Promise<boolean> {
    const { libvirt, clock } = this.#deps
    const late = new AbortController()
    this.#questions++
    const question = libvirt
      .call('ConnectGetAllDomainStats', { doms: [], stats: STATS, flags: FLAGS }, { signal, timeoutMs: QUESTION_MS })
      .finally(() => {
        this.#questions--
      })
    const limit = clock.sleep(SILENT_MS, late.signal).then(
      () => false,
      () => false,
    )
    try {
      return await Promise.race([question.then(() => true), limit])
    } finally {
      question.catch(() => undefined)
      late.abort()
    }
  }

  /** Domains of ours whose monitor libvirt has been waiting for. This asks libvirt, not QEMU. */
  async #waitedFor(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const { libvirt, isOurs } = this.#deps
    const options = { signal, lane: 'light' } as const
    const flags = ConnectListAllDomainsFlags.ACTIVE
    const { domains } = await libvirt.call('ConnectListAllDomains', { needResults: 1, flags }, options)
    const found = new Set<string>()
    for (const dom of domains.filter(({ uuid }) => isOurs(uuid))) {
      const info = await libvirt.call('DomainGetControlInfo', { dom, flags: 0 }, options).catch(() => null)
      if (info?.state === DomainControlState.OCCUPIED && Number(info.stateTime) >= SILENT_MS - 1_000)
        found.add(dom.uuid)
    }
    return found
  }

  #judge(now: ReadonlySet<string>): void {
    const before = [...this.#silent]
    for (const uuid of before) if (!now.has(uuid)) this.#set(uuid, false)
    for (const uuid of now) if (!before.includes(uuid)) this.#set(uuid, true)
  }

  #set(uuid: string, silent: boolean): void {
    if (silent) this.#silent.add(uuid)
    else this.#silent.delete(uuid)
    this.#deps.onChange(uuid, silent)
  }
}
