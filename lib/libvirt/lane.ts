// A few connections that share one queue of calls, so that no call waits behind slow ones while another
// connection has room.

import { after, type Clock } from './clock.ts'
import type { Connection } from './connection.ts'
import type { Wait } from './connection-options.ts'
import { ConnectionLost, LibvirtTimeout } from './errors.ts'
import type { ArgsOf, ProcedureName, ResultOf } from './protocol.ts'

interface Job {
  readonly start: (connection: Connection) => void
  readonly fail: (error: unknown) => void
}

export interface LaneOptions {
  readonly clock: Clock
  /** Most connections at a time. */
  readonly size: number
  /** Calls under way per connection. */
  readonly maxInFlight: number
  /** Makes one more connection; absent when connections only come by `adopt`. */
  readonly dial?: () => Promise<Connection>
}

export class Lane {
  readonly #options: LaneOptions
  readonly #connections = new Set<Connection>()
  readonly #queue = new Set<Job>()
  #dialing = 0
  #closed = false

  constructor(options: LaneOptions) {
    this.#options = options
  }

  /** Takes a ready connection into service. */
  adopt(connection: Connection): void {
    this.#connections.add(connection)
    this.pump()
  }

  /** A connection is over. Without any other, and no way to make one, what waits fails. */
  drop(connection: Connection, cause: Error): void {
    if (!this.#connections.delete(connection)) return
    if (this.#connections.size === 0 && this.#options.dial === undefined) this.#failQueue(cause)
    else this.pump()
  }

  /** Calls as soon as a connection has room; the time spent waiting counts. */
  call<N extends ProcedureName>(name: N, args: ArgsOf<N>, wait: Wait): Promise<ResultOf<N>> {
    const { clock } = this.#options
    const free = this.#queue.size === 0 && !this.#closed ? this.#leastLoaded() : undefined
    if (free !== undefined) {
      if (free.load > 0) this.#dialOne()
      return free.call(name, args, wait)
    }
    return new Promise((resolve, reject) => {
      wait.signal?.throwIfAborted()
      const deadline = clock.monotonic() + wait.timeoutMs
      const leave = () => {
        this.#queue.delete(job)
        cancelTimer()
        wait.signal?.removeEventListener('abort', onAbort)
      }
      const job: Job = {
        start: (connection) => {
          leave()
          const timeoutMs = Math.max(0, deadline - clock.monotonic())
          connection.call(name, args, { timeoutMs, signal: wait.signal }).then(resolve, reject)
        },
        fail: (error) => {
          leave()
          reject(error)
        },
      }
      const cancelTimer = after(clock, wait.timeoutMs, () => job.fail(new LibvirtTimeout(name, wait.timeoutMs, 'none')))
      const onAbort = () => job.fail(wait.signal?.reason)
      wait.signal?.addEventListener('abort', onAbort, { once: true })
      this.#queue.add(job)
      this.pump()
    })
  }

  /** Starts what waits, as far as there is room. */
  pump(): void {
    if (this.#closed) this.#failQueue(new Error('closed by this client'))
    for (const job of this.#queue) {
      const connection = this.#leastLoaded()
      if (connection === undefined) break
      job.start(connection)
    }
    if (this.#queue.size > 0) this.#dialOne()
  }

  close(): void {
    this.#closed = true
    this.#failQueue(new Error('closed by this client'))
  }

  #leastLoaded(): Connection | undefined {
    let best: Connection | undefined
    for (const one of this.#connections) {
      if (one.state === 'ready' && one.load < (best?.load ?? this.#options.maxInFlight)) best = one
    }
    return best
  }

  /** One more connection, where there may be one. */
  #dialOne(): void {
    const { dial, size } = this.#options
    if (dial === undefined) {
      if (this.#connections.size === 0) this.#failQueue(new Error('not connected'))
      return
    }
    if (this.#connections.size + this.#dialing >= size) return
    this.#dialing++
    dial().then(
      (connection) => {
        this.#dialing--
        if (connection.state === 'ready') this.adopt(connection)
        else this.pump()
      },
      (error) => {
        this.#dialing--
        if (this.#connections.size === 0 && this.#dialing === 0) this.#failQueue(error)
      },
    )
  }

  #failQueue(cause: unknown): void {
    for (const job of [...this.#queue]) job.fail(new ConnectionLost('no connection to libvirt', 'none', { cause }))
  }
}
