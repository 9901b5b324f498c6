/** The one thing this folder needs of libvirt: a plain call by name. A pool fits, and so does a recorder in a test. */
import type { ArgsOf, CallName, ResultOf } from '../../lib/libvirt/protocol.ts'

export interface LibvirtCaller {
  call<N extends CallName>(name: N, args: ArgsOf<N>, options?: CallLimits): Promise<ResultOf<N>>
}

export interface CallLimits {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}
