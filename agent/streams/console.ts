// The serial console of a virtual machine as a websocket: one client at a time, the newest wins.
import type WebSocket from 'ws'
import type { ConnectSubresource, ConnectTarget } from '../../lib/apiserver/connect.ts'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { ApiError, messageOf } from '../../lib/errors.ts'
import {
  ConnectionLost,
  type Domain,
  isNoDomain,
  isOperationFailed,
  isOperationInvalid,
  type LibvirtPool,
} from '../../lib/libvirt/index.ts'
import type { KubeObject } from '../../lib/object.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { VMS } from '../names.ts'
import { CLOSE, closeSocket, type Ending } from './ending.ts'
import { gather } from './gather.ts'
import { keepAlive } from './heartbeat.ts'
import { ClientInput } from './input.ts'
import { SlowClient, sendAll } from './output.ts'
import { type Session, type SessionInfo, Sessions, TakenOver } from './sessions.ts'

export interface ConsoleDeps {
  readonly libvirt: Pick<LibvirtPool, 'call' | 'stream'>
  readonly reader: Pick<Reader, 'get'>
  readonly events: {
    record(
      object: KubeObject,
      event: { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string },
    ): void
  }
  readonly log: { info(facts: object, message: string): void; warn(facts: object, message: string): void }
  readonly clock?: Clock
}

interface Machine extends KubeObject {
  readonly status?: { readonly phase?: string }
}

/** VIR_DOMAIN_CONSOLE_FORCE: ends whatever stream libvirt has on that console. */
const FORCE = 1
const GATHER_MS = 3
const GATHER_BYTES = 16_384
/** How long libvirt may take to say that a domain has ended after its console did. */
const SETTLE_MS = 3_000
const SETTLE_STEP_MS = 100
/** How long QEMU may take to make the console of a domain that is being started. */
const STARTING_MS = 30_000

const STOPPED: Ending = { code: CLOSE.normal, reason: 'the virtual machine stopped' }
const RESTARTED: Ending = { code: CLOSE.normal, reason: 'the virtual machine was restarted' }
const AGENT_STOPS: Ending = { code: CLOSE.goingAway, reason: 'the agent is stopping' }

export class ConsoleStream implements ConnectSubresource {
  readonly group = 'subresources.virtualization.deckhouse.io'
  readonly version = 'v1alpha2'
  readonly plural = 'virtualmachines'
  readonly name = 'console'
  readonly kind = 'VirtualMachineConsole'
  readonly protocols = ['plain.virtualization.deckhouse.io', 'plain.kubevirt.io']
  readonly #deps: ConsoleDeps
  readonly #clock: Clock
  readonly #sessions: Sessions

  constructor(deps: ConsoleDeps) {
    this.#deps = deps
    this.#clock = deps.clock ?? systemClock
    this.#sessions = new Sessions(this.#clock)
  }

  /** @throws ApiError `NotFound` without the machine, `Conflict` when it does not run, `ServiceUnavailable` without libvirt */
  async check(target: ConnectTarget, signal: AbortSignal): Promise<void> {
    const machine = this.#machine(target)
    if ((await this.#running(machine, signal)) !== null) return
    const phase = machine.status?.phase
    throw new ApiError(
      'Conflict',
      `virtual machine "${target.name}" is not running${phase === undefined ? '' : ` (${phase})`}`,
      {
        kind: 'VirtualMachine',
        name: target.name,
      },
    )
  }

  /** The holder; an empty object when the console is free. */
  async probe(target: ConnectTarget): Promise<SessionInfo | Record<string, never>> {
    return this.#sessions.holder(this.#machine(target).metadata.uid) ?? {}
  }

  /** Runs until one side ends it; the socket is closed with the reason. Never rejects. */
  async connect(target: ConnectTarget, socket: WebSocket, signal: AbortSignal): Promise<void> {
    const { log, events } = this.#deps
    const facts = { vm: `${target.namespace}/${target.name}`, user: target.user, client: target.client }
    socket.on('error', (error) => log.info({ ...facts, error: error.message }, 'console client failed'))
    const input = new ClientInput(socket)
    let ending: Ending
    try {
      const machine = this.#machine(target)
      const session = this.#sessions.take(machine.metadata.uid, { holder: target.user, client: target.client })
      log.info(facts, 'console connected')
      if (session.displaced !== null)
        events.record(machine, {
          type: 'Warning',
          reason: 'ConsoleSessionPreempted',
          message: `${describe(session.info)} took the console over from ${describe(session.displaced)}`,
        })
      ending = await this.#serve(machine, session, { socket, input, signal })
    } catch (error) {
      ending = { code: CLOSE.internal, reason: messageOf(error) }
    }
    log.info({ ...facts, reason: ending.reason }, 'console disconnected')
    await closeSocket(socket, ending, this.#clock)
  }

  async #serve(
    machine: Machine,
    session: Session,
    {
      socket,
      input,
      signal,
    }: { readonly socket: WebSocket; readonly input: ClientInput; readonly signal: AbortSignal },
  ): Promise<Ending> {
    const over = new AbortController()
    const onClose = () => over.abort(CLIENT_LEFT)
    socket.once('close', onClose)
    if (socket.readyState !== socket.OPEN) onClose()
    const ends = AbortSignal.any([over.signal, session.signal, signal])
    const heartbeat = keepAlive({ socket, clock: this.#clock, onAlive: session.renew, signal: over.signal })
    let domain: Domain | null = null
    try {
      domain = await this.#running(machine, ends)
      if (domain === null) return STOPPED
      const stream = await this.#openConsole(domain, ends)
      const typed = input.pass((chunk) => stream.write(chunk))
      // A failed write is the stream's end, which its reader tells with the reason.
      typed.catch(() => undefined)
      const packets = gather(stream.readable, { clock: this.#clock, waitMs: GATHER_MS, maxBytes: GATHER_BYTES })
      await Promise.race([sendAll(socket, packets, this.#clock), aborted(ends, over.signal)])
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

  /** A domain is active from the first moment of its start, before QEMU has made its pty: libvirt then says "failed". */
  async #openConsole(dom: Domain, signal: AbortSignal): ReturnType<ConsoleDeps['libvirt']['stream']> {
    const until = this.#clock.monotonic() + STARTING_MS
    for (;;) {
      try {
        return await this.#deps.libvirt.stream('DomainOpenConsole', { dom, devName: null, flags: FORCE }, { signal })
      } catch (error) {
        if (!isOperationFailed(error) || this.#clock.monotonic() > until) throw error
        await this.#clock.sleep(SETTLE_STEP_MS, signal)
      }
    }
  }

  /** Why the console of `domain` ended by itself. QEMU's pty closes a moment before libvirt knows that QEMU has ended. */
  async #endOf(machine: Machine, domain: Domain | null, error: unknown): Promise<Ending> {
    if (error instanceof ConnectionLost) return { code: CLOSE.internal, reason: 'the connection to libvirt was lost' }
    try {
      const until = this.#clock.monotonic() + SETTLE_MS
      for (;;) {
        const now = await this.#running(machine)
        if (now === null) return STOPPED
        if (domain !== null && now.id !== domain.id) return RESTARTED
        if (this.#clock.monotonic() > until) break
        await this.#clock.sleep(SETTLE_STEP_MS)
      }
    } catch (cause) {
      return { code: CLOSE.internal, reason: messageOf(cause) }
    }
    return {
      code: CLOSE.internal,
      reason: `libvirt closed the console${error === undefined ? '' : `: ${messageOf(error)}`}`,
    }
  }

  #machine({ namespace, name }: ConnectTarget): Machine {
    const machine = this.#deps.reader.get<Machine>(VMS, { namespace, name })
    if (machine !== null) return machine
    const details = { group: 'virtualization.deckhouse.io', kind: 'virtualmachines', name }
    throw new ApiError('NotFound', `virtualmachines.virtualization.deckhouse.io "${name}" not found`, details)
  }

  /** The machine's active domain; null when it has none. */
  async #running({ metadata }: Machine, signal?: AbortSignal): Promise<Domain | null> {
    try {
      const { dom } = await this.#deps.libvirt.call(
        'DomainLookupByUUID',
        { uuid: metadata.uid },
        {
          lane: 'light',
          ...(signal === undefined ? {} : { signal }),
        },
      )
      // libvirt gives inactive domains the id -1.
      return dom.id >= 0 ? dom : null
    } catch (error) {
      if (isNoDomain(error) || isOperationInvalid(error)) return null
      if (error instanceof ConnectionLost)
        throw new ApiError('ServiceUnavailable', 'the connection to libvirt was lost', {}, { cause: error })
      throw error
    }
  }
}

/** No one is left to read it; it goes to the log. */
const CLIENT_LEFT: Ending = { code: CLOSE.normal, reason: 'the client left' }

const describe = ({ holder, client }: SessionInfo): string => `${holder} (${client})`

/** Rejects with the reason of `signal`; settles when `over` aborts, so that nothing stays behind. */
function aborted(signal: AbortSignal, over: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    over.addEventListener('abort', () => resolve(), { once: true })
  })
}
