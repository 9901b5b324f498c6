// Detects a peer that is there but silent: pings when nothing was heard, gives up when nothing comes back.

import type { Clock } from './clock.ts'
import { LibvirtSilent, ProtocolError } from './errors.ts'
import { encodeFrame, type Frame, FrameStatus, FrameType } from './frame.ts'

/** "keep" in ASCII, libvirt's program number for keepalive messages. */
export const KEEPALIVE_PROGRAM = 0x6b656570
const VERSION = 1
const PING = 1
const PONG = 2

export interface KeepaliveOptions {
  /** Silence after which a ping is sent, and between pings. */
  readonly intervalMs: number
  /** Pings without any answer after which the peer is given up. */
  readonly count: number
}

/** libvirt's own client: 5 pings, 5 s apart. */
export const DEFAULT_KEEPALIVE: KeepaliveOptions = { intervalMs: 5_000, count: 5 }

interface Deps {
  readonly clock: Clock
  readonly options: KeepaliveOptions
  readonly send: (bytes: Uint8Array) => void
  readonly onDead: (cause: Error) => void
}

const message = (procedure: number): Buffer =>
  encodeFrame({
    program: KEEPALIVE_PROGRAM,
    version: VERSION,
    procedure,
    type: FrameType.message,
    serial: 0,
    status: FrameStatus.ok,
  })

/** One connection's heartbeat. Any byte from the peer counts as an answer. */
export class Keepalive {
  readonly #deps: Deps
  readonly #stop = new AbortController()
  #heardAt: number
  #unanswered = 0
  #paused = false

  constructor(deps: Deps) {
    this.#deps = deps
    this.#heardAt = deps.clock.monotonic()
  }

  start(): void {
    this.#run().catch(() => undefined) // the only rejection is our own stop
  }

  stop(): void {
    this.#stop.abort()
  }

  /** Something arrived. */
  heard(): void {
    this.#heardAt = this.#deps.clock.monotonic()
    this.#unanswered = 0
  }

  /** While we do not read, silence says nothing about the peer. */
  set paused(value: boolean) {
    this.#paused = value
    this.heard()
  }

  /** Answers the peer's pings. */
  handle(frame: Frame): void {
    if (frame.version !== VERSION || frame.type !== FrameType.message) throw new ProtocolError('odd keepalive message')
    if (frame.procedure === PING) this.#deps.send(message(PONG))
    else if (frame.procedure !== PONG) throw new ProtocolError(`unknown keepalive message ${frame.procedure}`)
  }

  async #run(): Promise<void> {
    const { clock, options, send, onDead } = this.#deps
    for (;;) {
      await clock.sleep(options.intervalMs, this.#stop.signal)
      if (this.#stop.signal.aborted) return
      if (this.#paused || clock.monotonic() - this.#heardAt < options.intervalMs) continue
      if (this.#unanswered >= options.count) {
        onDead(new LibvirtSilent(`libvirt answered none of ${options.count} keepalive pings`))
        return
      }
      this.#unanswered++
      send(message(PING))
    }
  }
}
