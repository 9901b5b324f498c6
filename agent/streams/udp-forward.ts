// Datagrams to and from a port of a guest: one message is one datagram, an empty one too.
import { createSocket, type Socket } from 'node:dgram'
import { CLOSE, type Ending } from './ending.ts'
import type { Client, Dial, FarEnd } from './far-end.ts'

/** The largest that IPv4 carries. */
const MAX_DATAGRAM = 65_507
/** Bytes that wait for the client, beyond which datagrams are lost, as they may be. */
const HIGH_BYTES = 262_144
/** Nobody says that a conversation in datagrams is over. */
const IDLE_MS = 300_000
const IDLE_STEP_MS = 30_000

const IDLE: Ending = { code: CLOSE.normal, reason: `no datagram for ${IDLE_MS / 60_000} minutes` }
const LEFT: Ending = { code: CLOSE.normal, reason: 'the client left' }
const TOO_LONG: Ending = { code: CLOSE.policy, reason: `a datagram has ${MAX_DATAGRAM} bytes at most` }

class DatagramTooLong extends Error {
  override readonly name = 'DatagramTooLong'
}

/** A guest that does not listen is not noticed here: that is UDP's way. @throws the system's error */
export async function openUdp({ reach, port, clock, signal }: Dial): Promise<FarEnd> {
  signal.throwIfAborted()
  const guest = createSocket('udp4')
  // "Connection refused" comes back for a datagram that nobody took; the next one may be taken.
  guest.on('error', () => undefined)
  signal.addEventListener('abort', () => guest.close(), { once: true })
  await new Promise<void>((resolve, reject) => {
    guest.once('error', reject)
    // Closed while it opens, it calls nobody back.
    guest.once('close', () => reject(signal.reason))
    guest.bind({ address: reach.from }, () =>
      guest.connect(port.port, reach.address, (error?: Error) => (error ? reject(error) : resolve())),
    )
  })
  return {
    carry: async ({ socket, input }: Client) => {
      let seenAt = clock.monotonic()
      const seen = () => {
        seenAt = clock.monotonic()
      }
      guest.on('message', (datagram) => {
        seen()
        if (socket.readyState === socket.OPEN && socket.bufferedAmount < HIGH_BYTES)
          socket.send(datagram, { binary: true })
      })
      const idle = async (): Promise<Ending> => {
        while (clock.monotonic() - seenAt < IDLE_MS) await clock.sleep(IDLE_STEP_MS, signal)
        return IDLE
      }
      const sent = input.pass(async (datagram) => {
        seen()
        await send(guest, datagram)
      })
      return await Promise.race([sent.then(() => LEFT, tooLong), idle()])
    },
  }
}

function send(guest: Socket, datagram: Uint8Array): Promise<void> {
  if (datagram.length > MAX_DATAGRAM) throw new DatagramTooLong()
  return new Promise((resolve) => {
    // Lost here or on the way is the same to the sender.
    guest.send(datagram, () => resolve())
  })
}

function tooLong(error: unknown): Ending {
  if (error instanceof DatagramTooLong) return TOO_LONG
  throw error
}
