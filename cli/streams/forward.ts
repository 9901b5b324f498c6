// Local ports that lead to ports of a guest.
import { createSocket, type RemoteInfo } from 'node:dgram'
import type { Client } from '../../lib/client/client.ts'
import type { ByteStream } from '../../lib/client/streams.ts'
import { messageOf } from '../../lib/errors.ts'
import { oneLine } from '../format/text.ts'
import { type Io, note } from '../io.ts'
import { join, NORMAL } from './join.ts'
import { type Listening, listen, localSocket } from './listen.ts'
import type { Port } from './target.ts'

export interface Forward {
  readonly io: Io
  readonly client: Client
  /** Of the subresource. */
  readonly path: string
  readonly address: string
  readonly port: Port
}

/** Local senders of datagrams at a time; a further one waits until the server has given up on one that is idle. */
const MAX_SENDERS = 256

/** @throws ApiError, UnreachableError */
export const dial = ({ client, io, path, port }: Omit<Forward, 'address'>): Promise<ByteStream> =>
  client.stream({
    path,
    query: {
      port: String(port.target),
      protocol: port.protocol,
      ...(port.protocol === 'tcp' ? { halfClose: 'true' } : {}),
    },
    signal: io.signal,
  })

/** @throws the system's error, such as a port in use */
export const forward = (wanted: Forward): Promise<Listening> =>
  wanted.port.protocol === 'tcp' ? forwardTcp(wanted) : forwardUdp(wanted)

function forwardTcp(wanted: Forward): Promise<Listening> {
  const { io, address, port } = wanted
  return listen({ address, port: port.local }, async (socket) => {
    try {
      const { code, reason } = await join(await dial(wanted), localSocket(socket), { halfClose: true })
      if (code === NORMAL) return
      tell(wanted, oneLine(reason) || `the connection was lost (${code})`)
    } catch (error) {
      tell(wanted, oneLine(messageOf(error)))
    }
    // The program at this end must not take a fault for an orderly end.
    if (!io.signal.aborted) socket.resetAndDestroy()
  })
}

/** One stream per local sender, so that each gets its own answers. */
async function forwardUdp(wanted: Forward): Promise<Listening> {
  const { io, address, port } = wanted
  const local = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  const senders = new Map<string, Promise<ByteStream | null>>()
  const open = async (key: string, { port: to, address: at }: RemoteInfo): Promise<ByteStream | null> => {
    try {
      const stream = await dial(wanted)
      const receive = async () => {
        for await (const datagram of stream.readable) local.send(datagram, to, at, () => undefined)
      }
      void receive().finally(() => senders.delete(key))
      return stream
    } catch (error) {
      senders.delete(key)
      if (!io.signal.aborted) tell(wanted, oneLine(messageOf(error)))
      return null
    }
  }
  local.on('message', (datagram, from) => {
    const key = `${from.address} ${from.port}`
    if (!senders.has(key) && senders.size >= MAX_SENDERS) return
    const sender = senders.get(key) ?? open(key, from)
    senders.set(key, sender)
    void sender.then((stream) => stream?.write(datagram).catch(() => undefined))
  })
  await new Promise<void>((resolve, reject) => {
    local.once('error', reject)
    local.bind(port.local, address, () => resolve())
  })
  local.removeAllListeners('error').on('error', (error) => tell(wanted, error.message))
  return {
    port: local.address().port,
    close: async () => {
      const streams = await Promise.all(senders.values())
      for (const stream of streams) stream?.close()
      await Promise.all(streams.map((stream) => stream?.ended))
      await new Promise<void>((resolve) => local.close(() => resolve()))
    },
  }
}

const tell = ({ io, port }: Forward, words: string): void => note(io, `${port.protocol} ${port.target}: ${words}`)
