// A stream of a virtual machine that one client at a time has (console, screen): the newest wins.
import type WebSocket from 'ws'
import type { ConnectSubresource, ConnectTarget } from '../../lib/apiserver/connect.ts'
import { type Clock, systemClock } from '../../lib/clock.ts'
import type { EventText } from '../../lib/controllers/event-text.ts'
import { messageOf } from '../../lib/errors.ts'
import { ConnectionLost, type Domain, type LibvirtPool } from '../../lib/libvirt/index.ts'
import type { KubeObject } from '../../lib/object.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { AGENT_EVENTS } from '../events.ts'
import { CLOSE, closeSocket, type Ending } from './ending.ts'
import { keepAlive } from './heartbeat.ts'
import { ClientInput } from './input.ts'
import { type Machine, Machines } from './machines.ts'
import { PROTOCOLS, SUBRESOURCES } from './names.ts'
import { SlowClient, sendAll } from './output.ts'
import { type Session, type SessionInfo, Sessions, TakenOver } from './sessions.ts'

/** Both directions of a guest's device. Ends with the signal that it was opened with. */
export interface Channel {
  readonly readable: AsyncIterable<Uint8Array>
  /** Resolves when there is room for more. */
  write(chunk: Uint8Array): Promise<void>
}

/** What the two kinds of stream differ in. */
export interface Device {
  /** Name of the subresource. */
  readonly name: string
  readonly kind: string
  /** What people call it: `console`. */
  readonly label: string
  /** Who ends it when nobody else did. */
  readonly owner: string
  /** Reason of the event that tells of a take-over. */
  readonly preempted: keyof typeof AGENT_EVENTS.table
  /** How long a client may take nothing before it is given up, ms. */
  readonly patienceMs: number
  /** Refuses before the upgrade what the running domain does not have. */
  check?(machine: Machine, domain: Domain, signal: AbortSignal): Promise<void>
  open(machine: Machine, domain: Domain, signal: AbortSignal): Promise<Channel>
}

export interface StreamDeps {
  readonly libvirt: Pick<LibvirtPool, 'call' | 'stream'>
  readonly reader: Pick<Reader, 'get'>
  readonly events: { record(object: KubeObject, text: EventText): void }
  readonly log: { info(facts: object, message: string): void; warn(facts: object, message: string): void }
  readonly clock?: Clock
}

/** How long libvirt may take to say that a domain has ended after its device did. */
const SETTLE_MS = 3_000
const SETTLE_STEP_MS = 100

export const STOPPED: Ending = { code: CLOSE.normal, reason: 'the virtual machine stopped' }
const RESTARTED: Ending = { code: CLOSE.normal, reason: 'the virtual machine was restarted' }
export const AGENT_STOPS: Ending = { code: CLOSE.goingAway, reason: 'the agent is stopping' }
/** No one is left to read it; it goes to the log. */
export const CLIENT_LEFT: Ending = { code: CLOSE.normal, reason: 'the client left' }

/** One connection under way. */
interface Connection {
  readonly socket: WebSocket
  readonly input: ClientInput
  readonly signal: AbortSignal
}

export class ExclusiveStream implements ConnectSubresource {
  readonly group = SUBRESOURCES.group
  readonly version = SUBRESOURCES.version
  readonly plural = SUBRESOURCES.plural
  readonly protocols = PROTOCOLS
  readonly name: string
  readonly kind: string
  readonly #deps: StreamDeps
  readonly #device: Device
  readonly #machines: Machines
  readonly #clock: Clock
  readonly #sessions: Sessions

  constructor(deps: StreamDeps, device: Device) {
    this.#deps = deps
    this.#device = device
    this.name = device.name
    this.kind = device.kind
    this.#machines = new Machines(deps)
    this.#clock = deps.clock ?? systemClock
    this.#sessions = new Sessions(this.#clock)
  }

  /** @throws ApiError `NotFound` without the machine, `Conflict` when it does not run, `ServiceUnavailable` without libvirt */
  async check(target: ConnectTarget, signal: AbortSignal): Promise<void> {
    const machine = this.#machines.get(target)
    const domain = await this.#machines.requireRunning(machine, signal)
    await this.#device.check?.(machine, domain, signal)
  }

  /** The holder; an empty object when nobody has it. */
  async probe(target: ConnectTarget): Promise<SessionInfo | Record<string, never>> {
    return this.#sessions.holder(this.#machines.get(target).metadata.uid) ?? {}
  }

  /** Runs until one side ends it; the socket is closed with the reason. Never rejects. */
  async connect(target: ConnectTarget, socket: WebSocket, signal: AbortSignal): Promise<void> {
    const { log, events } = this.#deps
    const { label, preempted } = this.#device
    const facts = {
      vm: `${target.namespace}/${target.name}`,
      user: target.user,
      client: target.client,
      request: target.request,
    }
    socket.on('error', (error) => log.info({ ...facts, error: error.message }, `${label} client failed`))
    const input = new ClientInput(socket)
    let ending: Ending
    try {
      const machine = this.#machines.get(target)
      const session = this.#sessions.take(machine.metadata.uid, { holder: target.user, client: target.client })
      log.info(facts, `${label} connected`)
      if (session.displaced !== null)
        events.record(
          machine,
          AGENT_EVENTS.text(
            preempted,
            `${describe(session.info)} took the ${label} over from ${describe(session.displaced)}`,
          ),
        )
      ending = await this.#serve(machine, session, { socket, input, signal })
    } catch (error) {
      ending = { code: CLOSE.internal, reason: messageOf(error) }
    }
    log.info({ ...facts, reason: ending.reason }, `${label} disconnected`)
    await closeSocket(socket, ending, this.#clock)
  }

  async #serve(machine: Machine, session: Session, { socket, input, signal }: Connection): Promise<Ending> {
    const over = new AbortController()
    const onClose = () => over.abort(CLIENT_LEFT)
    socket.once('close', onClose)
    if (socket.readyState !== socket.OPEN) onClose()
    const ends = AbortSignal.any([over.signal, session.signal, signal])
    const heartbeat = keepAlive({ socket, clock: this.#clock, onAlive: session.renew, signal: over.signal })
    let domain: Domain | null = null
    try {
      domain = await this.#machines.running(machine, ends)
      if (domain === null) return STOPPED
      const channel = await this.#device.open(machine, domain, ends)
      const typed = input.pass((chunk) => channel.write(chunk))
      // A failed write is the channel's end, which its reader tells with the reason.
      typed.catch(() => undefined)
      const sent = sendAll(socket, channel.readable, { clock: this.#clock, patienceMs: this.#device.patienceMs })
      await Promise.race([sent, aborted(ends, over.signal)])
      ends.throwIfAborted()
      return await this.#endOf(machine, domain, undefined)
    } catch (error) {
      if (session.signal.reason instanceof TakenOver)
        return { code: CLOSE.takenOver, reason: session.signal.reason.message }
      if (over.signal.aborted) return CLIENT_LEFT
      if (signal.aborted) return AGENT_STOPS
      if (error instanceof SlowClient) return { code: CLOSE.policy, reason: error.message }
      return await this.#endOf(machine, domain, error)
    } finally {
      socket.off('close', onClose)
      over.abort(CLIENT_LEFT)
      session.release()
      await heartbeat
    }
  }

  /** Why the device of `domain` ended by itself. QEMU closes it a moment before libvirt knows that QEMU has ended. */
  async #endOf(machine: Machine, domain: Domain | null, error: unknown): Promise<Ending> {
    if (error instanceof ConnectionLost) return { code: CLOSE.internal, reason: 'the connection to libvirt was lost' }
    try {
      const until = this.#clock.monotonic() + SETTLE_MS
      for (;;) {
        const now = await this.#machines.running(machine)
        if (now === null) return STOPPED
        if (domain !== null && now.id !== domain.id) return RESTARTED
        if (this.#clock.monotonic() > until) break
        await this.#clock.sleep(SETTLE_STEP_MS)
      }
    } catch (cause) {
      return { code: CLOSE.internal, reason: messageOf(cause) }
    }
    const { owner, label } = this.#device
    const words = error === undefined ? '' : `: ${messageOf(error)}`
    return { code: CLOSE.internal, reason: `${owner} closed the ${label}${words}` }
  }
}

const describe = ({ holder, client }: SessionInfo): string => `${holder} (${client})`

/** Rejects with the reason of `signal`; settles when `over` aborts, so that nothing stays behind. */
function aborted(signal: AbortSignal, over: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    over.addEventListener('abort', () => resolve(), { once: true })
  })
}
