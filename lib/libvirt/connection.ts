// One connection to libvirtd: session states, serial numbers, calls under way, and the streams they opened.
//
// INVARIANTS: every call settles exactly once, by its answer, its deadline, its signal, or the end of the connection.
// A call that timed out keeps its serial until the late answer comes, since libvirtd still holds a request slot for
// it. Nothing is skipped in silence: bytes that are not the protocol end the connection.

import { after } from './clock.ts'
import type { ConnectionHandlers, ConnectionOptions, StreamHandler, Wait } from './connection-options.ts'
import { ConnectionLost, LibvirtError, LibvirtTimeout, ProtocolError } from './errors.ts'
import { belongsTo, encodeFrame, type Frame, FrameParser, FrameStatus, FrameType } from './frame.ts'
import { openSession } from './handshake.ts'
import { KEEPALIVE_PROGRAM, Keepalive } from './keepalive.ts'
import type { RemoteError } from './protocol.gen.ts'
import type { ArgsOf, Procedure, ProcedureName, ResultOf } from './protocol.ts'
import { moveTo, type SessionState } from './session-state.ts'
import { anyOf } from './signals.ts'
import { Transport } from './transport.ts'
import { XdrReader } from './xdr.ts'

interface PendingCall {
  readonly procedure: Procedure
  abandoned: boolean
  readonly succeed: (result: unknown) => void
  readonly fail: (error: Error) => void
}

/** How long a polite goodbye may take. */
const GOODBYE_MS = 1_000
const HIGHEST_SERIAL = 0xffff_ffff

export class Connection {
  readonly #transport: Transport
  readonly #options: ConnectionOptions
  readonly #handlers: ConnectionHandlers
  readonly #parser = new FrameParser()
  readonly #keepalive: Keepalive
  readonly #pending = new Map<number, PendingCall>()
  readonly #streams = new Map<number, StreamHandler>()
  #state: SessionState = 'opening'
  #cause: Error | undefined
  #serial = 0
  #abandoned = 0

  private constructor(transport: Transport, options: ConnectionOptions, handlers: ConnectionHandlers) {
    this.#transport = transport
    this.#options = options
    this.#handlers = handlers
    this.#keepalive = new Keepalive({
      clock: options.clock,
      options: options.keepalive,
      send: (bytes) => {
        if (transport.backlogged) throw new ProtocolError('libvirt sends pings and does not read the answers')
        transport.send(bytes)
      },
      onDead: (cause) => this.#close(cause),
    })
  }

  /**
   * Dials, authenticates and opens the URI. Rejects with ConnectionLost, LibvirtTimeout (effect none), LibvirtError
   * when libvirt refuses the URI, or the signal's reason.
   */
  static async open(options: ConnectionOptions, handlers: ConnectionHandlers, wait: Wait): Promise<Connection> {
    const overdue = new AbortController()
    const cancel = after(options.clock, wait.timeoutMs, () =>
      overdue.abort(new LibvirtTimeout('ConnectOpen', wait.timeoutMs, 'none')),
    )
    const { signal, release } = anyOf([overdue.signal, wait.signal])
    try {
      const transport = await Transport.dial(options.address, signal)
      const connection = new Connection(transport, options, handlers)
      transport.start({
        onData: (chunk) => connection.#onData(chunk),
        onClose: (cause) => connection.#close(cause ?? new Error('libvirt closed the connection')),
      })
      try {
        await openSession(connection, options, { signal, timeoutMs: wait.timeoutMs })
      } catch (error) {
        connection.destroy(new Error('the session could not be opened', { cause: error }))
        throw error
      }
      if (connection.#cause !== undefined) {
        throw new ConnectionLost('connection to libvirt was lost at once', 'none', { cause: connection.#cause })
      }
      connection.#state = moveTo(connection.#state, 'ready')
      connection.#keepalive.start()
      return connection
    } finally {
      cancel()
      release()
    }
  }

  get state(): SessionState {
    return this.#state
  }

  /** Request slots taken on the server, by calls that timed out too. */
  get load(): number {
    return this.#pending.size
  }

  /** Calls a procedure. Rejects with LibvirtError, LibvirtTimeout, ConnectionLost, ArgumentError or the signal's reason. */
  call<N extends ProcedureName>(name: N, args: ArgsOf<N>, wait: Wait): Promise<ResultOf<N>> {
    return this.#send(name, args, wait, undefined) as Promise<ResultOf<N>>
  }

  /** Calls a procedure that opens a stream; `handler` gets every packet from the first one on. */
  async callForStream<N extends ProcedureName>(
    name: N,
    args: ArgsOf<N>,
    wait: Wait,
    handler: StreamHandler,
  ): Promise<{ readonly serial: number; readonly result: ResultOf<N> }> {
    const serial = this.#nextSerial()
    this.#streams.set(serial, handler)
    try {
      return { serial, result: (await this.#send(name, args, wait, serial)) as ResultOf<N> }
    } catch (error) {
      this.#streams.delete(serial)
      throw error
    }
  }

  /** Sends a packet of an open stream; no waiting, see `drained`. */
  sendPacket(procedure: Procedure, serial: number, status: number, data?: Uint8Array): void {
    const header = { program: procedure.program, version: procedure.version, procedure: procedure.number }
    const frame = { ...header, type: FrameType.stream, serial, status }
    this.#transport.send(encodeFrame(frame, (writer) => (data === undefined ? undefined : writer.raw(data))))
  }

  /** Resolves when the send buffer has room again, or the connection is over. */
  drained(): Promise<void> {
    return this.#transport.drained()
  }

  /** Stops reading: the peer is held back, and its silence is not counted against it. */
  pause(): void {
    this.#keepalive.paused = true
    this.#transport.pause()
  }

  resume(): void {
    this.#keepalive.paused = false
    this.#transport.resume()
  }

  /** Says goodbye and closes. Calls under way fail. Never rejects. */
  async close(): Promise<void> {
    if (this.#state !== 'ready') {
      this.destroy(new Error('closed by this client'))
      return
    }
    const goodbye = this.#send('ConnectClose', {}, { timeoutMs: GOODBYE_MS }, undefined)
    this.#state = moveTo(this.#state, 'draining')
    await goodbye.catch(() => undefined)
    this.#close(new Error('closed by this client'))
  }

  /** Ends the connection at once. */
  destroy(cause: Error): void {
    this.#close(cause)
  }

  #send(name: ProcedureName, args: unknown, wait: Wait, reserved: number | undefined): Promise<unknown> {
    const { protocol, clock, maxInFlight } = this.#options
    return new Promise((resolve, reject) => {
      wait.signal?.throwIfAborted()
      if (this.#state !== 'ready' && this.#state !== 'opening') {
        throw new ConnectionLost(`connection to libvirt is ${this.#state}`, 'none')
      }
      const procedure = protocol.procedure(name)
      const serial = reserved ?? this.#nextSerial()
      const header = { program: procedure.program, version: procedure.version, procedure: procedure.number }
      const bytes = encodeFrame({ ...header, type: FrameType.call, serial, status: FrameStatus.ok }, (writer) =>
        procedure.args.write(writer, args, name),
      )
      const settle = () => {
        cancelTimer()
        wait.signal?.removeEventListener('abort', onAbort)
      }
      const call: PendingCall = {
        procedure,
        abandoned: false,
        succeed: (result) => {
          settle()
          resolve(result)
        },
        fail: (error) => {
          settle()
          reject(error)
        },
      }
      /** The caller goes; the serial stays, until its answer comes. */
      const abandon = (error: Error) => {
        call.abandoned = true
        call.fail(error)
        this.#abandoned++
        if (this.#abandoned >= maxInFlight) this.#close(new Error('calls without an answer hold every request slot'))
      }
      const cancelTimer = after(clock, wait.timeoutMs, () =>
        abandon(new LibvirtTimeout(name, wait.timeoutMs, 'unknown')),
      )
      const onAbort = () => abandon(wait.signal?.reason)
      wait.signal?.addEventListener('abort', onAbort, { once: true })
      this.#pending.set(serial, call)
      this.#transport.send(bytes)
    })
  }

  #nextSerial(): number {
    do {
      this.#serial = this.#serial >= HIGHEST_SERIAL ? 1 : this.#serial + 1
    } while (this.#pending.has(this.#serial) || this.#streams.has(this.#serial))
    return this.#serial
  }

  #onData(chunk: Buffer): void {
    if (this.#state === 'closed') return
    this.#keepalive.heard()
    try {
      this.#parser.push(chunk, (frame) => {
        if (this.#state !== 'closed') this.#onFrame(frame)
      })
    } catch (error) {
      this.#close(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #onFrame(frame: Frame): void {
    if (frame.program === KEEPALIVE_PROGRAM) this.#keepalive.handle(frame)
    else if (frame.type === FrameType.reply) this.#onReply(frame)
    else if (frame.type === FrameType.message) this.#handlers.onMessage?.(frame)
    else if (frame.type === FrameType.stream || frame.type === FrameType.streamHole) {
      // Data may still come after an abort; it belongs to nobody.
      this.#streams.get(frame.serial)?.onPacket(frame)
    } else throw new ProtocolError(`a server does not send frames of type ${frame.type}`)
  }

  #onReply(frame: Frame): void {
    const call = this.#pending.get(frame.serial)
    if (call === undefined) throw new ProtocolError(`answer to serial ${frame.serial}, which no call has`)
    const { procedure } = call
    if (!belongsTo(procedure, frame)) {
      throw new ProtocolError(`answer of procedure ${frame.procedure} to a call of ${procedure.name}`)
    }
    const reader = new XdrReader(frame.payload)
    const failed = frame.status === FrameStatus.error
    if (!failed && frame.status !== FrameStatus.ok) throw new ProtocolError(`answer with status ${frame.status}`)
    const value = (failed ? this.#options.protocol.type('remote_error') : procedure.ret).read(reader)
    reader.end()
    this.#pending.delete(frame.serial)
    if (call.abandoned) this.#abandoned--
    else if (failed) call.fail(new LibvirtError(procedure.name, value as RemoteError))
    else call.succeed(value)
    this.#handlers.onRoom?.()
  }

  #close(cause: Error): void {
    if (this.#state === 'closed') return
    const opened = this.#state !== 'opening'
    this.#state = moveTo(this.#state, 'closed')
    this.#cause = cause
    this.#keepalive.stop()
    this.#transport.destroy()
    const lost = (what: string) =>
      new ConnectionLost(`connection to libvirt was lost during ${what}`, 'unknown', { cause })
    for (const call of this.#pending.values()) if (!call.abandoned) call.fail(lost(call.procedure.name))
    for (const stream of this.#streams.values()) stream.onLost(lost('a stream'))
    this.#pending.clear()
    this.#streams.clear()
    if (opened) this.#handlers.onClose?.(cause)
  }
}
