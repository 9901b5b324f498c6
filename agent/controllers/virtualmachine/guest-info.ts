// What qemu-guest-agent says about its guest, asked in the background: a guest may answer late or never, and no pass waits for it.
import type { Clock } from '../../../lib/clock.ts'
import { fromParams } from '../../../lib/libvirt/index.ts'
import type { DomainRef, LibvirtCalls } from './observe.ts'

/** VIR_DOMAIN_GUEST_INFO_OS. */
const INFO_OS = 2
/** libvirt itself waits 5 s for the agent. */
const TIMEOUT_MS = 10_000
/** A failed question is not repeated sooner. */
const RETRY_MS = 10_000

export interface GuestInfo {
  /** DVP's `status.guestOSInfo`. */
  readonly os: Readonly<Record<string, string>>
}

/** libvirt's typed parameter -> DVP's field. */
const OS_FIELDS: Readonly<Record<string, string>> = {
  'os.id': 'id',
  'os.name': 'name',
  'os.pretty-name': 'prettyName',
  'os.version': 'version',
  'os.version-id': 'versionId',
  'os.kernel-release': 'kernelRelease',
  'os.kernel-version': 'kernelVersion',
  'os.machine': 'machine',
}

export interface GuestInfoDeps {
  readonly libvirt: LibvirtCalls
  readonly clock: Clock
  /** Called when the answer of a domain came. */
  readonly onAnswer: (uuid: string) => void
}

export class GuestInfos {
  readonly #deps: GuestInfoDeps
  readonly #known = new Map<string, GuestInfo>()
  readonly #asked = new Map<string, number>()
  readonly #abort = new AbortController()

  constructor(deps: GuestInfoDeps) {
    this.#deps = deps
  }

  /** The last answer of this run; asks in the background when there is none. */
  get(dom: DomainRef): GuestInfo | null {
    const known = this.#known.get(dom.uuid)
    if (known) return known
    const now = this.#deps.clock.now()
    if (now - (this.#asked.get(dom.uuid) ?? 0) >= RETRY_MS) {
      this.#asked.set(dom.uuid, now)
      void this.#ask(dom)
    }
    return null
  }

  /** The agent went away or the run ended: what it said no longer holds. */
  forget(uuid: string): void {
    this.#known.delete(uuid)
    this.#asked.delete(uuid)
  }

  close(): void {
    this.#abort.abort(new Error('the agent is stopping'))
  }

  async #ask(dom: DomainRef): Promise<void> {
    const options = { signal: this.#abort.signal, timeoutMs: TIMEOUT_MS }
    try {
      const { params } = await this.#deps.libvirt.call('DomainGetGuestInfo', { dom, types: INFO_OS, flags: 0 }, options)
      this.#known.set(dom.uuid, { os: toOsInfo(fromParams(params)) })
      this.#deps.onAnswer(dom.uuid)
    } catch {
      // No agent, or it does not answer: asked again at a later pass.
    }
  }
}

/** Foreign text: bounded, and only the fields that DVP names. */
export function toOsInfo(params: Readonly<Record<string, unknown>>): Record<string, string> {
  const os: Record<string, string> = {}
  for (const [param, field] of Object.entries(OS_FIELDS)) {
    const value = params[param]
    if (typeof value === 'string') os[field] = value.slice(0, 256)
  }
  return os
}
