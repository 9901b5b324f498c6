// A pool of connections to libvirt that tells of each call that changes something: when it has left for libvirtd, and when it is answered.
import { type CallOptions, LibvirtPool, type LibvirtPoolOptions } from '../../lib/libvirt/index.ts'
import type { ArgsOf, CallName, ResultOf } from '../../lib/libvirt/protocol.ts'
import { callPoints } from './points.ts'

export class WatchedPool extends LibvirtPool {
  readonly #pass: (point: string) => void

  constructor(options: LibvirtPoolOptions, pass: (point: string) => void) {
    super(options)
    this.#pass = pass
  }

  override async call<N extends CallName>(name: N, args: ArgsOf<N>, options?: CallOptions): Promise<ResultOf<N>> {
    const points = callPoints(name)
    if (points === null) return await super.call(name, args, options)
    // Afterwards there is a connection, and the frame below leaves within a turn of the loop: libvirtd carries it out whoever dies.
    await super.call('ConnectGetLibVersion', {}, options)
    const answer = super.call(name, args, options)
    setImmediate(() => setImmediate(() => this.#pass(points.sent)))
    const result = await answer
    this.#pass(points.done)
    return result
  }
}
