// The client: one connection for events and light calls, a few for work, one for each stream. Reconnects by itself,
// makes the subscriptions anew, and says when it was away.

import { type About, askAbout, type Features } from './about.ts'
import { type Clock, systemClock } from './clock.ts'
import { Connection } from './connection.ts'
import type { ConnectionHandlers, Wait } from './connection-options.ts'
import { Dedicated } from './dedicated.ts'
import { ConnectionLost } from './errors.ts'
import { EventHub, type EventKind, type EventOptions, type LibvirtEvent } from './events.ts'
import { DEFAULT_KEEPALIVE } from './keepalive.ts'
import { Lane } from './lane.ts'
import { addressOf, type CallOptions, type EndedCall, type LibvirtPoolOptions, outcomeOf } from './pool-options.ts'
import { type ArgsOf, type CallName, Protocol, type ResultOf, type StreamName } from './protocol.ts'
import { anyOf } from './signals.ts'
import { Spare } from './spare.ts'
import { LibvirtStream } from './stream.ts'
import type { Subscription } from './subscription.ts'
import type { Address } from './transport.ts'

const DEFAULT_WORKERS = 4
const DEFAULT_TIMEOUT_MS = 30_000
/** libvirtd stops reading a connection with five requests (`max_client_requests`), and then hears no ping either. */
const MAX_IN_FLIGHT = 4
const FIRST_BACKOFF_MS = 100
const LONGEST_BACKOFF_MS = 5_000

type State = 'new' | 'connecting' | 'connected' | 'disconnected' | 'closed'

export class LibvirtPool {
  readonly #options: LibvirtPoolOptions
  readonly #address: Address
  readonly #clock: Clock
  readonly #protocol = new Protocol()
  readonly #hub: EventHub
  readonly #light: Lane
  readonly #work: Lane
  readonly #connections = new Set<Connection>()
  readonly #closing = new AbortController()
  readonly #spare: Spare
  #control: Connection | undefined
  #state: State = 'new'
  #about: About | undefined
  #problem: Error | null = null

  constructor(options: LibvirtPoolOptions) {
    this.#options = options
    this.#address = addressOf(options)
    this.#clock = options.clock ?? systemClock
    this.#hub = new EventHub(this.#protocol, this.#timeoutMs)
    const clock = this.#clock
    this.#spare = new Spare(() => this.#openDedicated({ timeoutMs: this.#timeoutMs }), clock)
    this.#light = new Lane({ clock, size: 1, maxInFlight: MAX_IN_FLIGHT })
    this.#work = new Lane({
      clock,
      size: options.workers ?? DEFAULT_WORKERS,
      maxInFlight: MAX_IN_FLIGHT,
      dial: () => this.#openIn(() => this.#work, {}, { timeoutMs: this.#timeoutMs, signal: this.#closing.signal }),
    })
  }

  /**
   * Makes the first connection; from then on the pool reconnects by itself until `close`. Rejects, and may be called
   * again, when libvirt is not there (ConnectionLost), too slow (LibvirtTimeout) or refuses the URI (LibvirtError).
   */
  async connect(options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {}): Promise<void> {
    if (this.#state !== 'new') throw new Error(`connect() on a pool that is ${this.#state}`)
    this.#state = 'connecting'
    try {
      await this.#attach(this.#waitOf(options))
    } catch (error) {
      if ((this.#state as State) === 'connecting') this.#state = 'new'
      this.#problem = asError(error)
      throw error
    }
  }

  /**
   * Calls a procedure by libvirt's name. Rejects with LibvirtError when libvirt says no, LibvirtTimeout when no answer
   * came in time, ConnectionLost when the connection ended or there is none (the last two say what is known about the
   * effect), ArgumentError when an argument does not fit the wire, or the signal's reason, effect unknown.
   */
  call<N extends CallName>(name: N, args: ArgsOf<N>, options: CallOptions = {}): Promise<ResultOf<N>> {
    const lane = options.lane === 'light' ? this.#light : this.#work
    const answer = lane.call(name, args, this.#waitOf(options))
    return this.#options.onCall === undefined ? answer : this.#told(name, answer, this.#options.onCall)
  }

  /**
   * Events of one or several kinds, in libvirt's order. The registration starts at once; await `ready` to be sure that
   * what happens from then on is seen. Survives reconnects: then a `reconnected` item says that events were missed.
   * libvirt takes one registration of a kind for a domain, and one for all domains: the iteration of a second one throws its LibvirtError.
   */
  events<K extends EventKind>(kinds: K | readonly K[], options: EventOptions = {}): Subscription<LibvirtEvent<K>> {
    const subscription = this.#hub.subscribe(typeof kinds === 'string' ? [kinds] : kinds, options)
    if (this.#state === 'closed') subscription.close(new ConnectionLost('the pool is closed', 'none'))
    return subscription
  }

  /** Opens a stream on a connection of its own. Aborting the signal later aborts the stream. */
  async stream<N extends StreamName>(
    name: N,
    args: ArgsOf<N>,
    options: { readonly signal?: AbortSignal; readonly timeoutMs?: number; readonly finishTimeoutMs?: number } = {},
  ): Promise<LibvirtStream<ResultOf<N>>> {
    const wait = this.#waitOf(options)
    const connection = await this.#open({}, wait, false)
    const finishTimeoutMs = options.finishTimeoutMs ?? this.#timeoutMs
    return LibvirtStream.open(
      { connection, protocol: this.#protocol, clock: this.#clock, finishTimeoutMs },
      name,
      args,
      wait,
    )
  }

  /** A connection of its own, for what libvirt ends with the connection that asked for it. It ends with the pool at the latest. */
  async dedicated(options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {}): Promise<Dedicated> {
    return this.#spare.take() ?? (await this.#openDedicated(this.#waitOf(options)))
  }

  /** Of a `dedicated` that will be asked for soon: it finds its connection open. Unused for 10 s, that is closed. */
  warm(): void {
    this.#spare.warm()
  }

  get connected(): boolean {
    return this.#state === 'connected'
  }

  /** Why the connection was lost, or could not be made at the last try; null while there is one. */
  get problem(): Error | null {
    return this.#problem
  }

  /** What the driver can do. Known once connected; throws before. */
  get features(): Features {
    return this.#known().features
  }

  /** The daemon's libvirt version as major × 1,000,000 + minor × 1,000 + release. Known once connected; throws before. */
  get libVersion(): number {
    return this.#known().libVersion
  }

  /** The hypervisor's version, packed likewise. Known once connected; throws before. */
  get hypervisorVersion(): number {
    return this.#known().hypervisorVersion
  }

  /** Messages from libvirt that no subscription asked for, since the start. */
  get unroutedMessages(): number {
    return this.#hub.unrouted
  }

  /** Ends every call, stream and subscription. Never rejects. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#closing.abort(new ConnectionLost('the pool is closed', 'none'))
    this.#hub.close()
    this.#light.close()
    this.#work.close()
    await Promise.all([...this.#connections].map((connection) => connection.close()))
  }

  async #told<T>(procedure: string, answer: Promise<T>, tell: (call: EndedCall) => void): Promise<T> {
    const began = this.#clock.monotonic()
    let outcome: EndedCall['outcome'] = 'ok'
    try {
      return await answer
    } catch (error) {
      outcome = outcomeOf(error)
      throw error
    } finally {
      tell({ procedure, outcome, ms: this.#clock.monotonic() - began })
    }
  }

  get #timeoutMs(): number {
    return this.#options.callTimeoutMs ?? DEFAULT_TIMEOUT_MS
  }

  #waitOf(options: { readonly signal?: AbortSignal; readonly timeoutMs?: number }): Wait {
    return { timeoutMs: options.timeoutMs ?? this.#timeoutMs, signal: options.signal }
  }

  #known(): About {
    if (this.#about === undefined) throw new Error('not connected to libvirt yet')
    return this.#about
  }

  /** One new connection that the pool closes at its end. */
  async #open(handlers: ConnectionHandlers, wait: Wait, serverPings: boolean): Promise<Connection> {
    if (this.#state === 'closed') throw new ConnectionLost('the pool is closed', 'none')
    const { signal, release } = anyOf([this.#closing.signal, wait.signal])
    const connection = await Connection.open(
      {
        address: this.#address,
        uri: this.#options.uri,
        clock: this.#clock,
        protocol: this.#protocol,
        keepalive: this.#options.keepalive ?? DEFAULT_KEEPALIVE,
        maxInFlight: MAX_IN_FLIGHT,
        serverPings,
      },
      {
        ...handlers,
        onClose: (cause) => {
          this.#connections.delete(connection)
          handlers.onClose?.(cause)
        },
      },
      { timeoutMs: wait.timeoutMs, signal },
    ).finally(release)
    this.#connections.add(connection)
    return connection
  }

  async #openDedicated(wait: Wait): Promise<Dedicated> {
    let end: (cause: Error) => void = () => undefined
    const ended = new Promise<Error>((resolve) => {
      end = resolve
    })
    const connection = await this.#open({ onClose: (cause) => end(cause) }, wait, true)
    return new Dedicated(connection, this.#timeoutMs, ended)
  }

  /** A connection that tells its lane about room and about its end. */
  async #openIn(lane: () => Lane, handlers: ConnectionHandlers, wait: Wait): Promise<Connection> {
    const connection = await this.#open(
      {
        ...handlers,
        onRoom: () => lane().pump(),
        onClose: (cause) => {
          lane().drop(connection, cause)
          handlers.onClose?.(cause)
        },
      },
      wait,
      true,
    )
    return connection
  }

  /** Makes the control connection, asks what is there, and puts the subscriptions in place. */
  async #attach(wait: Wait): Promise<void> {
    let lost: Error | undefined
    const connection = await this.#openIn(
      () => this.#light,
      {
        onMessage: (frame) => this.#hub.dispatch(frame),
        onClose: (cause) => {
          lost = cause
          if (this.#control === connection) this.#onControlLost(cause)
        },
      },
      wait,
    )
    try {
      this.#about = await askAbout((name, args) => connection.call(name, args, wait))
      await this.#hub.attach(connection)
      this.#closing.signal.throwIfAborted()
      if (lost !== undefined) throw new ConnectionLost('connection to libvirt was lost', 'none', { cause: lost })
    } catch (error) {
      this.#hub.detach()
      connection.destroy(new Error('the connection could not be used', { cause: error }))
      throw error
    }
    this.#control = connection
    this.#state = 'connected'
    this.#problem = null
    this.#light.adopt(connection)
    this.#tell('connected')
  }

  #onControlLost(cause: Error): void {
    this.#control = undefined
    this.#problem = cause
    this.#hub.detach()
    if (this.#state === 'closed') return
    this.#state = 'disconnected'
    this.#tell('disconnected', cause)
    this.#reconnect().catch(() => undefined) // only ends by close()
  }

  /** In a turn of its own, so that what the listener throws is its own fault and not the pool's. */
  #tell(state: 'connected' | 'disconnected', cause?: Error): void {
    queueMicrotask(() => this.#options.onState?.(state, cause))
  }

  async #reconnect(): Promise<void> {
    const { signal } = this.#closing
    for (let backoffMs = FIRST_BACKOFF_MS; ; backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS)) {
      await this.#clock.sleep(backoffMs, signal)
      try {
        await this.#attach({ timeoutMs: this.#timeoutMs })
        return
      } catch (error) {
        if (signal.aborted) throw error
        this.#problem = asError(error)
      }
    }
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))
