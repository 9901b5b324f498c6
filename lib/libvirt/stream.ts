// One stream: console, volume upload or download. It owns its connection, since libvirt's streams have no credit:
// holding back the data holds back everything on that connection.
//
// INVARIANTS: packets go out in the order of `write` calls. End of file from the server is an empty packet, which we
// answer with our own finish; only the server's answer to that says that all went well. However a stream ends, its
// connection is closed.

import { after, type Clock } from './clock.ts'
import type { Connection } from './connection.ts'
import type { StreamHandler, Wait } from './connection-options.ts'
import { type ConnectionLost, LibvirtError, LibvirtTimeout, ProtocolError } from './errors.ts'
import { belongsTo, type Frame, FrameStatus, FrameType } from './frame.ts'
import { limits, type RemoteError } from './protocol.gen.ts'
import type { ArgsOf, Procedure, Protocol, ResultOf, StreamName } from './protocol.ts'
import { XdrReader } from './xdr.ts'

/** Unread data after which reading stops, and below which it goes on. */
const HIGH_BYTES = 1_048_576
const LOW_BYTES = 262_144
const PACKET_BYTES = limits.streamPacketFromServer

export interface StreamDeps {
  readonly connection: Connection
  readonly protocol: Protocol
  readonly clock: Clock
  /** How long the server may take to confirm the end. */
  readonly finishTimeoutMs: number
}

type State = 'open' | 'finishing' | 'finished' | 'failed'

export class LibvirtStream<R = unknown> implements StreamHandler {
  /**
   * Data from libvirt, gathered as it arrives. Ends when libvirt's data ends, after it confirmed that all went well;
   * throws LibvirtError or ConnectionLost otherwise. Leaving the loop early aborts the stream. One reader only.
   */
  readonly readable: AsyncIterable<Uint8Array>
  readonly #deps: StreamDeps
  readonly #procedure: Procedure
  #serial = 0
  #result: R | undefined
  #stopListening: () => void = () => undefined
  #state: State = 'open'
  #error: unknown
  #chunks: Uint8Array[] = []
  #held = 0
  #paused = false
  #ended = false
  #wake: (() => void) | undefined
  #writes: Promise<void> = Promise.resolve()
  #finish: Promise<void> | undefined
  #settleFinish: (() => void) | undefined

  private constructor(deps: StreamDeps, procedure: Procedure) {
    this.#deps = deps
    this.#procedure = procedure
    this.readable = { [Symbol.asyncIterator]: () => this.#read() }
  }

  /** Makes the call that opens the stream. The connection is the stream's from here on, and closed on failure. */
  static async open<N extends StreamName>(
    deps: StreamDeps,
    name: N,
    args: ArgsOf<N>,
    wait: Wait,
  ): Promise<LibvirtStream<ResultOf<N>>> {
    const stream = new LibvirtStream<ResultOf<N>>(deps, deps.protocol.procedure(name))
    try {
      const { serial, result } = await deps.connection.callForStream(name, args, wait, stream)
      stream.#serial = serial
      stream.#result = result
    } catch (error) {
      deps.connection.destroy(new Error(`${name} failed`, { cause: error }))
      throw error
    }
    const onAbort = () => stream.abort(wait.signal?.reason)
    wait.signal?.addEventListener('abort', onAbort, { once: true })
    stream.#stopListening = () => wait.signal?.removeEventListener('abort', onAbort)
    return stream
  }

  /** What the call that opened the stream returned. */
  get result(): R {
    return this.#result as R // set by open() before anyone else has the object
  }

  /** Sends bytes; resolves when there is room for more. Rejects when the stream has ended or failed. */
  write(chunk: Uint8Array): Promise<void> {
    const written = this.#writes.then(() => this.#writeNow(chunk))
    this.#writes = written.catch(() => undefined)
    return written
  }

  /**
   * Ends the stream in good order: all writes are sent, unread data is thrown away, and libvirt confirms. Rejects
   * with libvirt's error (an upload that did not fit, for example).
   */
  finish(): Promise<void> {
    this.#finish ??= this.#writes.then(() => this.#finishNow())
    return this.#finish
  }

  /** Ends the stream at once; readers and writers reject with `reason`. */
  abort(reason: unknown = new Error('the stream was aborted')): void {
    if (this.#state !== 'open' && this.#state !== 'finishing') return
    this.#deps.connection.sendPacket(this.#procedure, this.#serial, FrameStatus.error)
    this.#fail(reason)
  }

  /** For the connection only. */
  onPacket(frame: Frame): void {
    if (!belongsTo(this.#procedure, frame))
      throw new ProtocolError(`packet of procedure ${frame.procedure} on a stream of ${this.#procedure.name}`)
    if (frame.type === FrameType.streamHole) throw new ProtocolError('sparse streams are not supported')
    if (frame.status === FrameStatus.error) this.#fail(this.#decodeError(frame))
    else if (frame.status === FrameStatus.ok) this.#end('finished')
    else if (frame.payload.length === 0) this.#ended = true
    else if (this.#state === 'open') this.#keep(frame.payload)
    this.#notify()
  }

  /** For the connection only. */
  onLost(error: ConnectionLost): void {
    this.#fail(error)
  }

  #keep(payload: Uint8Array): void {
    this.#chunks.push(payload)
    this.#held += payload.length
    if (this.#held >= HIGH_BYTES && !this.#paused) {
      this.#paused = true
      this.#deps.connection.pause()
    }
  }

  #takeAll(): Uint8Array {
    const [first, second] = this.#chunks
    const all = first !== undefined && second === undefined ? first : Buffer.concat(this.#chunks)
    this.#chunks = []
    this.#held = 0
    this.#readOn()
    return all
  }

  #readOn(): void {
    if (!this.#paused || this.#held > LOW_BYTES) return
    this.#paused = false
    this.#deps.connection.resume()
  }

  async *#read(): AsyncGenerator<Uint8Array, void, undefined> {
    let complete = false
    try {
      for (;;) {
        if (this.#held > 0) yield this.#takeAll()
        else if (this.#state === 'failed') throw this.#error
        else if (this.#ended || this.#state !== 'open') break
        else await this.#arrival()
      }
      await this.finish()
      complete = true
    } finally {
      if (!complete) this.abort()
    }
  }

  /** Resolves once per turn of the event loop in which something came, so that small packets are gathered. */
  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => setImmediate(resolve)
    })
  }

  #notify(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  async #writeNow(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; at += PACKET_BYTES) {
      await this.#deps.connection.drained()
      if (this.#state === 'failed') throw this.#error
      if (this.#state !== 'open') throw new Error('the stream has ended')
      const packet = chunk.subarray(at, at + PACKET_BYTES)
      this.#deps.connection.sendPacket(this.#procedure, this.#serial, FrameStatus.more, packet)
    }
  }

  async #finishNow(): Promise<void> {
    if (this.#state === 'failed') throw this.#error
    if (this.#state === 'finished') return
    const { connection, clock, finishTimeoutMs } = this.#deps
    this.#state = 'finishing'
    this.#chunks = []
    this.#held = 0
    this.#readOn()
    connection.sendPacket(this.#procedure, this.#serial, FrameStatus.ok)
    const cancelTimer = after(clock, finishTimeoutMs, () =>
      this.#fail(new LibvirtTimeout(this.#procedure.name, finishTimeoutMs, 'unknown')),
    )
    await new Promise<void>((resolve) => {
      this.#settleFinish = resolve
    })
    cancelTimer()
    // The state was changed while we waited.
    if ((this.#state as State) === 'failed') throw this.#error
  }

  #fail(error: unknown): void {
    if (this.#state === 'failed' || this.#state === 'finished') return
    this.#error = error
    this.#end('failed')
  }

  #end(state: 'finished' | 'failed'): void {
    this.#state = state
    this.#stopListening()
    this.#settleFinish?.()
    this.#notify()
    // A goodbye would only wait: the server forgets a connection's stream when the connection ends.
    this.#deps.connection.destroy(new Error('the stream has ended'))
  }

  #decodeError(frame: Frame): unknown {
    if (frame.payload.length === 0) return new Error('libvirt aborted the stream')
    const reader = new XdrReader(frame.payload)
    const error = this.#deps.protocol.type('remote_error').read(reader) as RemoteError
    reader.end()
    return new LibvirtError(this.#procedure.name, error)
  }
}
