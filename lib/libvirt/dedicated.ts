// A connection for one purpose: what libvirt ties to the connection that asked for it (a migration, above all) ends with it.

import type { Connection } from './connection.ts'
import type { CallOptions } from './pool-options.ts'
import type { ArgsOf, CallName, ResultOf } from './protocol.ts'

export class Dedicated {
  readonly #connection: Connection
  readonly #timeoutMs: number
  /** Resolves with the cause when the connection is over, whoever ended it. Never rejects. */
  readonly ended: Promise<Error>

  constructor(connection: Connection, timeoutMs: number, ended: Promise<Error>) {
    this.#connection = connection
    this.#timeoutMs = timeoutMs
    this.ended = ended
  }

  /** As a pool's `call`, on this connection alone; it is not made anew: ConnectionLost from its end on. */
  call<N extends CallName>(name: N, args: ArgsOf<N>, options: Omit<CallOptions, 'lane'> = {}): Promise<ResultOf<N>> {
    const { signal, timeoutMs = this.#timeoutMs } = options
    return this.#connection.call(name, args, { timeoutMs, signal })
  }

  /** Says goodbye. Never rejects. */
  async close(): Promise<void> {
    await this.#connection.close()
  }
}
