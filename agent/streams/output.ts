// What goes to a client: a slow one is waited for a while, then given up.
import type WebSocket from 'ws'
import type { Clock } from '../../lib/clock.ts'

/** Bytes that may wait for the client's network before the source is held back. */
const HIGH_BYTES = 262_144

export interface Patience {
  readonly clock: Clock
  /** How long the source is held back for a client that takes nothing, ms; `Infinity` for as long as it lives. */
  readonly patienceMs: number
}

/** The client took nothing for too long. */
export class SlowClient extends Error {
  override readonly name = 'SlowClient'

  constructor() {
    super('the client reads too slowly')
  }
}

/** Sends everything from `source`; resolves at its end or when the socket is no longer open. @throws SlowClient */
export async function sendAll(socket: WebSocket, source: AsyncIterable<Uint8Array>, patience: Patience): Promise<void> {
  for await (const packet of source) {
    if (socket.readyState !== socket.OPEN) return
    const sent = new Promise<void>((resolve) => socket.send(packet, { binary: true }, () => resolve()))
    if (socket.bufferedAmount > HIGH_BYTES) await within(sent, patience)
  }
}

async function within(sent: Promise<void>, { clock, patienceMs }: Patience): Promise<void> {
  if (patienceMs === Infinity) return await sent
  const done = new AbortController()
  const late = clock.sleep(patienceMs, done.signal).then(
    () => true,
    () => false,
  )
  const slow = await Promise.race([sent.then(() => false), late])
  done.abort()
  if (slow) throw new SlowClient()
}
