// Events: which kinds there are, how they are registered and decoded, and which subscription gets which.
//
// INVARIANTS: a callback id belongs to one subscription and one connection. An event may come before the answer of
// the registration that asked for it; it is kept until that answer names its owner.

import type { Connection } from './connection.ts'
import { DomainEventID } from './constants.gen.ts'
import { LibvirtTimeout } from './errors.ts'
import type { Frame } from './frame.ts'
import type { Domain, DomainEventLifecycleMsg, Messages } from './protocol.gen.ts'
import type { MessageName, Protocol } from './protocol.ts'
import { type Dropped, type Reconnected, Subscription } from './subscription.ts'
import { XdrReader } from './xdr.ts'

/** Kinds of domain events, by the message that carries them and libvirt's id for registering. */
const DOMAIN_EVENTS = {
  lifecycle: ['DomainEventCallbackLifecycle', DomainEventID.LIFECYCLE],
  reboot: ['DomainEventCallbackReboot', DomainEventID.REBOOT],
  deviceAdded: ['DomainEventCallbackDeviceAdded', DomainEventID.DEVICE_ADDED],
  deviceRemoved: ['DomainEventCallbackDeviceRemoved', DomainEventID.DEVICE_REMOVED],
  deviceRemovalFailed: ['DomainEventCallbackDeviceRemovalFailed', DomainEventID.DEVICE_REMOVAL_FAILED],
  metadataChange: ['DomainEventCallbackMetadataChange', DomainEventID.METADATA_CHANGE],
  balloonChange: ['DomainEventCallbackBalloonChange', DomainEventID.BALLOON_CHANGE],
  agentLifecycle: ['DomainEventCallbackAgentLifecycle', DomainEventID.AGENT_LIFECYCLE],
  blockJob: ['DomainEventBlockJob2', DomainEventID.BLOCK_JOB_2],
  jobCompleted: ['DomainEventCallbackJobCompleted', DomainEventID.JOB_COMPLETED],
} as const satisfies Record<string, readonly [MessageName, number]>

type Body<N extends MessageName> = Messages[N] extends { readonly msg: infer M } ? M : Omit<Messages[N], 'callbackId'>

/** Events by kind. `dom.id` is -1 when the domain does not run; numbers mean what libvirt's enums say. */
export type LibvirtEventOf = {
  readonly [K in keyof typeof DOMAIN_EVENTS]: { readonly kind: K } & Body<(typeof DOMAIN_EVENTS)[K][0]>
} & {
  /** An event of QEMU's own monitor, by QMP name; `details` is JSON. `seconds` and `micros` are QEMU's clock. */
  readonly qemuMonitor: { readonly kind: 'qemuMonitor' } & Body<'DomainMonitorEvent'>
}
export type EventKind = keyof LibvirtEventOf
export type LibvirtEvent<K extends EventKind = EventKind> = LibvirtEventOf[K]
/** A subscription gives events of the kinds asked for, and notices about itself. */
export type EventItem<K extends EventKind = EventKind> = LibvirtEvent<K> | Dropped | Reconnected
export type { Domain, DomainEventLifecycleMsg }

export interface EventOptions {
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal
  /** Events that may wait for the consumer before some are dropped; 1,000 unless told. */
  readonly capacity?: number
  /** Only events of this domain. */
  readonly dom?: Domain
  /** Only QEMU monitor events of this QMP name, such as `SHUTDOWN`. */
  readonly monitorEvent?: string
}

interface Entry {
  readonly kinds: readonly EventKind[]
  readonly options: EventOptions
  readonly subscription: Subscription<LibvirtEvent>
  /** Registered before: the next registration is a reconnection. */
  seen: boolean
}

const DEFAULT_CAPACITY = 1_000
/** Events that may wait for the answer of their registration, and their bytes. */
const EARLY_LIMIT = 1_000
const EARLY_BYTES = 16_777_216

/** An event whose owner is not known yet; `bytes` is what it took on the wire. */
interface Early {
  readonly key: string
  readonly body: object
  readonly bytes: number
}

/** The subscriptions of one pool; they live longer than connections. */
export class EventHub {
  readonly #protocol: Protocol
  readonly #timeoutMs: number
  readonly #entries = new Set<Entry>()
  #owners = new Map<string, { readonly entry: Entry; readonly kind: EventKind }>()
  #early: Early[] = []
  #registering = 0
  #connection: Connection | undefined
  /** Messages that no subscription asked for: unknown to this protocol, or late after a deregistration. */
  #unrouted = 0

  constructor(protocol: Protocol, timeoutMs: number) {
    this.#protocol = protocol
    this.#timeoutMs = timeoutMs
  }

  get unrouted(): number {
    return this.#unrouted
  }

  subscribe<K extends EventKind>(kinds: readonly K[], options: EventOptions): Subscription<LibvirtEvent<K>> {
    const onAbort = () => entry.subscription.close()
    const entry: Entry = {
      kinds,
      options,
      seen: false,
      subscription: new Subscription<LibvirtEvent>(options.capacity ?? DEFAULT_CAPACITY, () => {
        options.signal?.removeEventListener('abort', onAbort)
        this.#entries.delete(entry)
        this.#deregister(entry)
      }),
    }
    this.#entries.add(entry)
    if (options.signal?.aborted) entry.subscription.close()
    options.signal?.addEventListener('abort', onAbort, { once: true })
    const connection = this.#connection
    // Where registering fails, so does the connection; the next one makes it anew.
    if (connection !== undefined) this.#register(entry, connection).catch((cause) => connection.destroy(cause))
    return entry.subscription as unknown as Subscription<LibvirtEvent<K>>
  }

  /** Registers everything on a new connection; rejects when that connection is lost, or too slow, on the way. */
  async attach(connection: Connection): Promise<void> {
    this.#connection = connection
    // One after the other: libvirtd takes few requests per connection at a time.
    for (const entry of [...this.#entries]) if (!entry.subscription.closed) await this.#register(entry, connection)
  }

  /** The connection is gone, and its callback ids with it. */
  detach(): void {
    this.#connection = undefined
    this.#owners = new Map()
    this.#early = []
  }

  close(): void {
    for (const entry of [...this.#entries]) entry.subscription.close()
  }

  /** Takes a message from the connection's read loop. Throws ProtocolError when its layout is wrong. */
  dispatch(frame: Frame): void {
    const message = this.#protocol.message(frame.program, frame.procedure)
    if (message === undefined) {
      this.#unrouted++
      return
    }
    const reader = new XdrReader(frame.payload)
    const { callbackId, ...fields } = message.codec.read(reader) as { callbackId?: number; msg?: object }
    reader.end()
    const key = `${frame.program}/${callbackId}`
    const body = fields.msg ?? fields
    const event = { key, body, bytes: frame.payload.length }
    if (this.#owners.has(key)) this.#deliver(event)
    else if (this.#registering > 0 && this.#fitsEarly(event)) this.#early.push(event)
    else this.#unrouted++
  }

  #fitsEarly({ bytes }: Early): boolean {
    const held = this.#early.reduce((sum, early) => sum + early.bytes, 0)
    return this.#early.length < EARLY_LIMIT && held + bytes <= EARLY_BYTES
  }

  #deliver({ key, body, bytes }: Early): void {
    const owner = this.#owners.get(key)
    // The generated table ties each kind to its message, so the body has the kind's shape.
    owner?.entry.subscription.push({ kind: owner.kind, ...body } as LibvirtEvent, bytes)
  }

  async #register(entry: Entry, connection: Connection): Promise<void> {
    this.#registering++
    try {
      for (const kind of entry.kinds) {
        const key = await this.#registerKind(entry, kind, connection)
        if (connection !== this.#connection) return
        if (entry.subscription.closed) {
          this.#forget(key, kind, connection)
          return
        }
        this.#owners.set(key, { entry, kind })
        for (const early of this.#early) if (early.key === key) this.#deliver(early)
        this.#early = this.#early.filter((early) => early.key !== key)
      }
      if (entry.seen) entry.subscription.reconnected()
      entry.seen = true
      entry.subscription.confirm()
    } catch (error) {
      if (connection.state !== 'ready' || error instanceof LibvirtTimeout) throw error
      entry.subscription.close(error)
    } finally {
      this.#registering--
      if (this.#registering === 0) this.#early = []
    }
  }

  async #registerKind(entry: Entry, kind: EventKind, connection: Connection): Promise<string> {
    const wait = { timeoutMs: this.#timeoutMs }
    const { dom = null, monitorEvent: event = null } = entry.options
    if (kind === 'qemuMonitor') {
      const args = { dom, event, flags: 0 }
      const { callbackId } = await connection.call('ConnectDomainMonitorEventRegister', args, wait)
      return `${this.#protocol.procedure('ConnectDomainMonitorEventRegister').program}/${callbackId}`
    }
    const args = { eventId: DOMAIN_EVENTS[kind][1], dom }
    const { callbackId } = await connection.call('ConnectDomainEventCallbackRegisterAny', args, wait)
    return `${this.#protocol.procedure('ConnectDomainEventCallbackRegisterAny').program}/${callbackId}`
  }

  #deregister(entry: Entry): void {
    const connection = this.#connection
    for (const [key, owner] of [...this.#owners]) {
      if (owner.entry !== entry) continue
      this.#owners.delete(key)
      if (connection !== undefined) this.#forget(key, owner.kind, connection)
    }
  }

  /** Best effort: an id that stays behind costs some bytes per event, until the connection ends. */
  #forget(key: string, kind: EventKind, connection: Connection): void {
    const args = { callbackId: Number(key.slice(key.indexOf('/') + 1)) }
    const name =
      kind === 'qemuMonitor' ? 'ConnectDomainMonitorEventDeregister' : 'ConnectDomainEventCallbackDeregisterAny'
    connection.call(name, args, { timeoutMs: this.#timeoutMs }).catch(() => undefined)
  }
}
