// Connections to ports of a guest, over the host's own network to it. Only to the address that our DHCP leased to the
// machine's own MAC: a guest cannot make the agent connect anywhere else.
import type WebSocket from 'ws'
import type { ConnectSubresource, ConnectTarget, OpenedStream } from '../../lib/apiserver/connect.ts'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { ApiError, messageOf } from '../../lib/errors.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { Reach } from '../network/main-network.ts'
import { CLOSE, closeSocket, type Ending } from './ending.ts'
import { AGENT_STOPS, STOPPED, type StreamDeps } from './exclusive.ts'
import type { FarEnd } from './far-end.ts'
import { describePort, type GuestPort, guestPort } from './forward-port.ts'
import { ClientInput } from './input.ts'
import { conflict, Machines } from './machines.ts'
import { PROTOCOLS, SUBRESOURCES } from './names.ts'
import { RunEnded, Runs } from './runs.ts'
import { openTcp } from './tcp-forward.ts'
import { openUdp } from './udp-forward.ts'

export interface PortForwardDeps {
  readonly libvirt: Pick<StreamDeps['libvirt'], 'call'>
  readonly reader: Pick<Reader, 'get' | 'onChange'>
  readonly log: StreamDeps['log']
  readonly clock?: Clock
  /** Where a machine's guest is reached, by its uid; null while that is not known. @throws ApiError */
  readonly reach: (uid: string) => Reach | null
}

const MAX_PER_MACHINE = 256
/** How long a guest may take to answer. */
const DIAL_MS = 5_000

export class PortForward implements ConnectSubresource {
  readonly group = SUBRESOURCES.group
  readonly version = SUBRESOURCES.version
  readonly plural = SUBRESOURCES.plural
  readonly protocols = PROTOCOLS
  readonly name = 'portforward'
  readonly kind = 'VirtualMachinePortForward'
  readonly patient = true
  readonly #deps: PortForwardDeps
  readonly #machines: Machines
  readonly #clock: Clock
  readonly #runs: Runs

  constructor(deps: PortForwardDeps) {
    this.#deps = deps
    this.#machines = new Machines(deps)
    this.#clock = deps.clock ?? systemClock
    this.#runs = new Runs(deps.reader)
  }

  /**
   * @throws ApiError `BadRequest` for a wrong port, `NotFound` without the machine, `Conflict` when it does not run or has no
   * address, `TooManyRequests` beyond 256 connections of a machine, `ServiceUnavailable` without libvirt
   */
  async check(target: ConnectTarget, signal: AbortSignal): Promise<void> {
    guestPort(target.query)
    const machine = this.#machines.get(target)
    await this.#machines.requireRunning(machine, signal)
    const { uid, name } = machine.metadata
    if (this.#deps.reach(uid) === null)
      throw conflict(name, `virtual machine "${name}" has no address yet: its guest has asked for none by DHCP`)
    if (this.#runs.count(uid) >= MAX_PER_MACHINE)
      throw new ApiError('TooManyRequests', `virtual machine "${name}" has ${MAX_PER_MACHINE} forwarded connections`)
  }

  /** @throws ApiError `Conflict` when the guest does not answer on that port */
  async open(target: ConnectTarget, signal: AbortSignal): Promise<OpenedStream> {
    const machine = this.#machines.get(target)
    const { uid, name } = machine.metadata
    const port = guestPort(target.query)
    const reach = this.#deps.reach(uid)
    if (reach === null) throw conflict(name, `virtual machine "${name}" has no address any more`)
    const run = this.#runs.join(uid)
    const over = new AbortController()
    const end = () => {
      over.abort(new Error('the connection is over'))
      run.release()
    }
    const life = AbortSignal.any([over.signal, run.signal])
    try {
      const dialling = { reach, port, clock: this.#clock, signal: life }
      const far = await within(port.protocol === 'tcp' ? openTcp(dialling) : openUdp(dialling), {
        clock: this.#clock,
        ms: DIAL_MS,
        signal,
      })
      return {
        drop: end,
        connect: (socket, closing) => this.#serve(target, port, socket, { far, life, closing }).finally(end),
      }
    } catch (error) {
      end()
      throw conflict(name, `virtual machine "${name}" (${reach.address}) ${silence(error, port)}`)
    }
  }

  /** For a socket that is open already; the reason of a failure closes it. */
  async connect(target: ConnectTarget, socket: WebSocket, signal: AbortSignal): Promise<void> {
    const opened = await this.open(target, signal)
    await opened.connect(socket, signal)
  }

  async #serve(
    target: ConnectTarget,
    port: GuestPort,
    socket: WebSocket,
    { far, life, closing }: { readonly far: FarEnd; readonly life: AbortSignal; readonly closing: AbortSignal },
  ): Promise<void> {
    const { log } = this.#deps
    const facts = {
      vm: `${target.namespace}/${target.name}`,
      port: `${port.protocol}/${port.port}`,
      user: target.user,
      client: target.client,
      request: target.request,
    }
    log.info(facts, 'port forward connected')
    socket.on('error', (error) => log.info({ ...facts, error: error.message }, 'port forward client failed'))
    const ending = await this.#carry(far, socket, AbortSignal.any([life, closing]))
    log.info({ ...facts, reason: ending.reason }, 'port forward disconnected')
    await closeSocket(socket, ending, this.#clock)
  }

  async #carry(far: FarEnd, socket: WebSocket, ends: AbortSignal): Promise<Ending> {
    try {
      return await Promise.race([far.carry({ socket, input: new ClientInput(socket) }), rejection(ends)])
    } catch (error) {
      if (error instanceof RunEnded) return STOPPED
      if (ends.aborted) return ends.reason instanceof RunEnded ? STOPPED : AGENT_STOPS
      return { code: CLOSE.internal, reason: `the connection to the guest failed: ${messageOf(error)}` }
    }
  }
}

/** What a failed dial means, in words. */
function silence(error: unknown, port: GuestPort): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ECONNREFUSED') return `refuses connections on ${describePort(port)}: nothing listens there`
  if (error instanceof RunEnded) return 'has stopped'
  return `does not answer on ${describePort(port)}: ${messageOf(error)}`
}

async function within<T>(
  work: Promise<T>,
  { clock, ms, signal }: { readonly clock: Clock; readonly ms: number; readonly signal: AbortSignal },
): Promise<T> {
  const done = new AbortController()
  work.catch(() => undefined)
  const late = clock.sleep(ms, AbortSignal.any([signal, done.signal])).then(() => {
    throw new Error(`no answer within ${ms / 1000} s`)
  })
  late.catch(() => undefined)
  try {
    return await Promise.race([work, late])
  } finally {
    done.abort()
  }
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
