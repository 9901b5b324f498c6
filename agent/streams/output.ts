// What goes to a client: a slow one is waited for a while, then given up.
import type WebSocket from 'ws'
import type { Clock } from '../../lib/clock.ts'

/** Bytes that may wait for the client's network before the source is held back. */
const HIGH_BYTES = 262_144
/** How long the source is held back for a client that takes nothing: a guest's console stands still meanwhile. */
const PATIENCE_MS = 10_000

/** The client took nothing for {@link PATIENCE_MS}. */
export class SlowClient extends Error {
  override readonly name = 'SlowClient'

  constructor() {
    super('the client reads too slowly')
  }
}

/** Sends everything from `source`; resolves at its end or when the socket is no longer open. @throws SlowClient */
export async function sendAll(socket: WebSocket, source: AsyncIterable<Uint8Array>, clock: Clock): Promise<void> {
  for await (const packet of source) {
    if (socket.readyState !== socket.OPEN) return
    const sent = new Promise<void>((resolve) => socket.send(packet, { binary: true }, () => resolve()))
    if (socket.bufferedAmount > HIGH_BYTES) await within(sent, clock)
  }
}

async function within(sent: Promise<void>, clock: Clock): Promise<void> {
  const done = new AbortController()
  const late = clock.sleep(PATIENCE_MS, done.signal).then(
    () => true,
    () => false,
  )
  const slow = await Promise.race([sent.then(() => false), late])
  done.abort()
  if (slow) throw new SlowClient()
}
