// A pool of connections to libvirt that tells of each call that changes something, when it has left for libvirtd and when it is answered; and of
// a guest that goes on at another host while a part of it is here.
import {
  type CallOptions,
  type Dedicated,
  type EventKind,
  type EventOptions,
  LibvirtPool,
  type LibvirtPoolOptions,
} from '../../lib/libvirt/index.ts'
import type { ArgsOf, CallName, ResultOf } from '../../lib/libvirt/protocol.ts'
import { callPoints } from './points.ts'
import { postCopyEvent } from './post-copy.ts'

export class WatchedPool extends LibvirtPool {
  readonly #pass: (point: string) => void

  constructor(options: LibvirtPoolOptions, pass: (point: string) => void) {
    super(options)
    this.#pass = pass
  }

  override async call<N extends CallName>(name: N, args: ArgsOf<N>, options?: CallOptions): Promise<ResultOf<N>> {
    const points = callPoints(name, args)
    if (points === null) return await super.call(name, args, options)
    // Afterwards there is a connection, and the frame below leaves within a turn of the loop: libvirtd carries it out whoever dies.
    await super.call('ConnectGetLibVersion', {}, options)
    return await this.#told(points, super.call(name, args, options))
  }

  override async dedicated(options?: Parameters<LibvirtPool['dedicated']>[0]): Promise<Dedicated> {
    const connection = await super.dedicated(options)
    const call = connection.call.bind(connection)
    connection.call = (name, args, more) => this.#told(callPoints(name, args), call(name, args, more))
    return connection
  }

  override events<K extends EventKind>(kinds: K | readonly K[], options?: EventOptions) {
    const events = super.events(kinds, options)
    const push = events.push.bind(events)
    events.push = (event, bytes) => {
      const point = postCopyEvent(event)
      if (point !== null) this.#pass(point)
      push(event, bytes)
    }
    return events
  }

  async #told<T>(points: ReturnType<typeof callPoints>, answer: Promise<T>): Promise<T> {
    if (points === null) return await answer
    setImmediate(() => setImmediate(() => this.#pass(points.sent)))
    const result = await answer
    this.#pass(points.done)
    return result
  }
}
