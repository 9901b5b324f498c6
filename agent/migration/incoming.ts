// QEMUs of this host that wait for a guest, by machine. Nothing runs in one before the target has decided (libvirt's PAUSED), except by
// post-copy.
//
// INVARIANTS
// - Prepare and Finish go over one connection: when this process ends before Finish has, libvirt ends the QEMU that waits.
// - Finish is asked once. Until it answers, the guest is not whole; when it fails, its QEMU is gone.
import { destinationXml } from '../../lib/domain/index.ts'
import { messageOf } from '../../lib/errors.ts'
import { type Dedicated, type LibvirtPool, Names } from '../../lib/libvirt/index.ts'
import { type DomainRef, domainRef } from '../controllers/virtualmachine/observe.ts'
import type { Log } from '../log.ts'
import { type MoveCalls, moveCalls } from './calls.ts'
import type { MoveBinding } from './records.ts'

const PREPARE_MS = 100_000
/** No limit of libvirt's call: who waits for its answer has one. */
const FINISH_MS = 7 * 86_400_000
const NO_COOKIE = new Uint8Array()

export interface IncomingDeps {
  readonly libvirt: Pick<LibvirtPool, 'dedicated'>
  readonly log: Log
  readonly tls: boolean
  /** Numeric address of this host that the source reaches. @throws Error in words */
  readonly address: () => string
  /** Where a file of the source is here; null when it has no place. */
  readonly locate: (binding: MoveBinding, path: string) => string | null
  /** Targets of disks whose content comes along, by the source's XML. */
  readonly luggage: (binding: MoveBinding, xml: string) => readonly string[]
}

interface Waiting {
  /** Of the migration. */
  readonly id: string
  readonly dom: DomainRef
  readonly connection: Dedicated
  readonly calls: MoveCalls
  /** The definition with this host's files. */
  readonly xml: string
}

/** One QEMU that waits. */
export class Incoming {
  readonly #facts: Waiting
  #arriving: Promise<Uint8Array> | null = null

  constructor(facts: Waiting) {
    this.#facts = facts
  }

  get id(): string {
    return this.#facts.id
  }

  get dom(): DomainRef {
    return this.#facts.dom
  }

  get connection(): Dedicated {
    return this.#facts.connection
  }

  get xml(): string {
    return this.#facts.xml
  }

  /** libvirt was told that the last of the guest comes. */
  get isArriving(): boolean {
    return this.#arriving !== null
  }

  /**
   * libvirt's Finish, asked once. `cookie`: of Perform, or what stands for it when it is told before Perform has ended: what libvirt does to have
   * the guest ready goes on while the rest of the memory comes. Of disks that come along nothing may be missing by then, and the cookie must name
   * their way, which is ended. Resolves to libvirt's cookie when the guest is whole.
   * @throws LibvirtError when it did not come
   */
  arrive(cookie: Uint8Array): Promise<Uint8Array> {
    if (this.#arriving === null) {
      const { connection } = this.#facts
      this.#arriving = connection
        .call('DomainMigrateFinish3Params', this.#finish(cookie, 0), { timeoutMs: FINISH_MS })
        .then(({ cookieOut }) => cookieOut)
      // Who asks is told.
      this.#arriving.catch(() => undefined)
    }
    return this.#arriving
  }

  /** Ends the QEMU if the guest was not sent yet, politely; closing the connection would do it too. */
  async end(log: Log): Promise<void> {
    const { connection, dom } = this.#facts
    if (!this.isArriving)
      await connection
        .call('DomainMigrateFinish3Params', this.#finish(NO_COOKIE, 1))
        // "Successfully aborted" is an error to libvirt.
        .catch((error: unknown) => log.debug({ uid: dom.uuid, err: error }, `migration: ${messageOf(error)}`))
    await connection.close()
  }

  #finish(cookieIn: Uint8Array, cancelled: 0 | 1) {
    const { calls, dom } = this.#facts
    return {
      params: calls.params({ [Names.MIGRATE_PARAM_DEST_NAME]: dom.name }),
      cookieIn,
      flags: calls.target,
      cancelled,
    }
  }
}

export interface Listening {
  /** libvirt's migration URI. */
  readonly address: string
  readonly cookie: Uint8Array
}

export class IncomingGuests {
  readonly #deps: IncomingDeps
  readonly #guests = new Map<string, Incoming>()

  constructor(deps: IncomingDeps) {
    this.#deps = deps
  }

  /** Of that migration; null when none waits. */
  of(uid: string, id: string): Incoming | null {
    const incoming = this.#guests.get(uid)
    return incoming?.id === id ? incoming : null
  }

  has(uid: string): boolean {
    return this.#guests.has(uid)
  }

  /** Starts a QEMU that waits for the guest that the source describes. @throws Error in words when it does not start */
  async await(binding: MoveBinding, xml: string, cookie: Uint8Array, signal: AbortSignal): Promise<Listening> {
    const { libvirt, locate, luggage, tls, address } = this.#deps
    const uid = binding.metadata.name
    const { id, options, epoch } = binding.spec.migration
    await this.end(uid)
    const connection = await libvirt.dedicated({ signal })
    try {
      const here = destinationXml(xml, { locate: (path) => locate(binding, path), epoch })
      const calls = moveCalls({ options, disks: luggage(binding, xml), tls })
      const at = address()
      const params = calls.params({
        [Names.MIGRATE_PARAM_DEST_XML]: here,
        [Names.MIGRATE_PARAM_URI]: `tcp:${bracketed(at)}`,
        [Names.MIGRATE_PARAM_LISTEN_ADDRESS]: at,
      })
      const prepared = await connection.call(
        'DomainMigratePrepare3Params',
        { params, cookieIn: cookie, flags: calls.target },
        { signal, timeoutMs: PREPARE_MS },
      )
      const dom = domainRef(nameIn(here), uid)
      const incoming = new Incoming({ id, dom, connection, calls, xml: here })
      this.#guests.set(uid, incoming)
      void connection.ended.then(() => this.#forget(uid, incoming))
      return { address: prepared.uriOut ?? '', cookie: prepared.cookieOut }
    } catch (error) {
      await connection.close()
      throw error
    }
  }

  /** Its QEMU is the machine's own by now. */
  release(uid: string): void {
    const incoming = this.#guests.get(uid)
    this.#guests.delete(uid)
    void incoming?.connection.close()
  }

  async end(uid: string): Promise<void> {
    const incoming = this.#guests.get(uid)
    this.#guests.delete(uid)
    await incoming?.end(this.#deps.log)
  }

  /** Ends one that still waits for the first of its guest. Of one whose guest was sent somebody decides. */
  async dismiss(uid: string): Promise<void> {
    if (this.#guests.get(uid)?.isArriving === false) await this.end(uid)
  }

  /** Ends what waits; nothing of it ran. */
  async close(): Promise<void> {
    await Promise.all([...this.#guests.values()].map(({ connection }) => connection.close()))
  }

  #forget(uid: string, incoming: Incoming): void {
    if (this.#guests.get(uid) === incoming) this.#guests.delete(uid)
  }
}

const nameIn = (xml: string): string => /<name>([^<]*)<\/name>/.exec(xml)?.[1] ?? ''

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address)
