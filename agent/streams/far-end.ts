// The guest's end of a forwarded connection, whatever its protocol.
import type WebSocket from 'ws'
import type { Clock } from '../../lib/clock.ts'
import type { Reach } from '../network/main-network.ts'
import type { Ending } from './ending.ts'
import type { GuestPort } from './forward-port.ts'
import type { ClientInput } from './input.ts'

export interface FarEnd {
  /** Passes what comes, both ways, until the connection is over, and says why. Rejects with its fault. */
  carry(client: Client): Promise<Ending>
}

export interface Client {
  readonly socket: WebSocket
  readonly input: ClientInput
}

/** How a far end is opened. */
export interface Dial {
  readonly reach: Reach
  readonly port: GuestPort
  readonly clock: Clock
  /** Of the connection; everything ends with it. */
  readonly signal: AbortSignal
}
