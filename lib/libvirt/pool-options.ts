// What a pool is told when it is made and when it is called, and what it tells of calls.
import type { Clock } from './clock.ts'
import { ConnectionLost, LibvirtError, LibvirtTimeout } from './errors.ts'
import type { KeepaliveOptions } from './keepalive.ts'
import type { Address } from './transport.ts'

export interface LibvirtPoolOptions {
  /** libvirtd's unix socket; or `tcp` for another host in a trusted network. One of the two. */
  readonly socketPath?: string
  readonly tcp?: { readonly host: string; readonly port: number }
  /** libvirt's URI on that daemon: `qemu:///system`, `test:///path/of/file.xml`. */
  readonly uri: string
  /** Connections for work, made when needed; 4 unless told. */
  readonly workers?: number
  /** Deadline of a call that names none; 30 s unless told. */
  readonly callTimeoutMs?: number
  readonly keepalive?: KeepaliveOptions
  readonly clock?: Clock
  /** Told of each call when it has ended. Must not throw. */
  readonly onCall?: (call: EndedCall) => void
  /** Told after each change; `connected` comes when the subscriptions are in place again. */
  readonly onState?: (state: 'connected' | 'disconnected', cause?: Error) => void
}

/** What became of a call. `lost`: the connection ended or there was none; `cancelled`: the caller gave up. */
export interface EndedCall {
  readonly procedure: string
  readonly outcome: 'ok' | 'error' | 'timeout' | 'lost' | 'cancelled'
  /** Milliseconds, with the wait for a connection. */
  readonly ms: number
}

export interface CallOptions {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
  /** `light` for what answers at once and must not wait behind starts and stops; `work` unless told. */
  readonly lane?: 'light' | 'work'
}

/** What became of a call that ended with this error. */
export function outcomeOf(error: unknown): EndedCall['outcome'] {
  if (error instanceof LibvirtError) return 'error'
  if (error instanceof LibvirtTimeout) return 'timeout'
  return error instanceof ConnectionLost ? 'lost' : 'cancelled'
}

/** @throws TypeError for none and for two addresses */
export function addressOf({ socketPath, tcp }: LibvirtPoolOptions): Address {
  if (socketPath !== undefined && tcp === undefined) return { socketPath }
  if (tcp !== undefined && socketPath === undefined) return tcp
  throw new TypeError('a pool needs either socketPath or tcp')
}
