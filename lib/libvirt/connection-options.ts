// What a connection is made from, and whom it tells.

import type { Clock } from './clock.ts'
import type { ConnectionLost } from './errors.ts'
import type { Frame } from './frame.ts'
import type { KeepaliveOptions } from './keepalive.ts'
import type { Protocol } from './protocol.ts'
import type { Address } from './transport.ts'

/** When to stop waiting. */
export interface Wait {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

export interface ConnectionOptions {
  readonly address: Address
  /** libvirt's connection URI, such as `qemu:///system`. */
  readonly uri: string
  readonly clock: Clock
  readonly protocol: Protocol
  readonly keepalive: KeepaliveOptions
  /** Let libvirtd ping us too, and drop us when we are gone. Off where reading may pause. */
  readonly serverPings: boolean
  /** Calls under way at a time; libvirtd stops reading a connection that has five. */
  readonly maxInFlight: number
}

/** Called by the connection from its read loop: must not throw for reasons of the receiver's own. */
export interface ConnectionHandlers {
  /** A message that the server sent by itself. */
  onMessage?(frame: Frame): void
  /** An answer came, late ones included: there is room for another call. */
  onRoom?(): void
  /** The connection is over; called once, after all calls were failed, and only when `open` had resolved. */
  onClose?(cause: Error): void
}

/** Receives what belongs to one stream. */
export interface StreamHandler {
  onPacket(frame: Frame): void
  onLost(error: ConnectionLost): void
}
