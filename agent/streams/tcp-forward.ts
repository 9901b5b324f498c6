// A TCP connection into a guest, whose two directions end one by one.
import type WebSocket from 'ws'
import { CLOSE, type Ending } from './ending.ts'
import type { Client, Dial, FarEnd } from './far-end.ts'
import { sendAll } from './output.ts'
import { connectSocket, type SocketChannel } from './socket-channel.ts'

/** A guest that is gone without a word is noticed so long after the last byte, and ten seconds. */
const KEEP_ALIVE_MS = 15_000
/** How long a guest may take to read what its client sent before it left. */
const FLUSH_MS = 10_000
const ENDED: Ending = { code: CLOSE.normal, reason: 'the connection was closed' }
const EMPTY = new Uint8Array(0)

/** @throws the system's error */
export async function openTcp({ reach, port, clock, signal }: Dial): Promise<FarEnd> {
  const guest = await connectSocket(
    {
      host: reach.address,
      port: port.port,
      localAddress: reach.from,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      noDelay: true,
    },
    signal,
  )
  const fromGuest = async (socket: WebSocket): Promise<void> => {
    await sendAll(socket, guest.readable, { clock, patienceMs: Infinity })
    if (socket.readyState !== socket.OPEN) return
    if (port.halfClose) socket.send(EMPTY, { binary: true })
    // The close frame has a deadline for its answer; what is before it has none.
    await new Promise<void>((resolve) => socket.ping('', false, () => resolve()))
    if (port.halfClose) await guest.closed
  }
  return {
    carry: async ({ socket, input }: Client) => {
      const toGuest = input.pass((chunk) => forward(guest, chunk, port.halfClose))
      // A failed write is the connection's end, which its reader tells with the reason.
      toGuest.catch(() => undefined)
      const left = gone(socket).then(async () => {
        await Promise.race([toGuest, clock.sleep(FLUSH_MS, signal)]).catch(() => undefined)
        guest.end()
      })
      await Promise.race([fromGuest(socket), left])
      return ENDED
    },
  }
}

async function forward(guest: SocketChannel, chunk: Uint8Array, halfClose: boolean): Promise<void> {
  if (chunk.length > 0) await guest.write(chunk)
  else if (halfClose) guest.end()
}

function gone(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState === socket.CLOSED) resolve()
    else socket.once('close', () => resolve())
  })
}
