// A connected socket as a channel: what comes in is read no faster than it is passed on, what goes out waits for room.
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import type { Channel } from './exclusive.ts'

export interface SocketChannel extends Channel {
  /** Ends our direction; the other side may go on. */
  end(): void
  /** Resolves when both directions have ended. */
  readonly closed: Promise<void>
}

/**
 * Connects, and keeps the far end's direction open after its end of ours. The channel is destroyed when the signal aborts.
 * @throws the system's error, or the signal's reason
 */
export async function connectSocket(options: NetConnectOpts, signal: AbortSignal): Promise<SocketChannel> {
  signal.throwIfAborted()
  const socket = connect({ ...options, allowHalfOpen: true })
  // Readers and writers hear of it; without a listener it would end the process.
  socket.on('error', () => undefined)
  const onAbort = () => socket.destroy()
  signal.addEventListener('abort', onAbort, { once: true })
  socket.once('close', () => signal.removeEventListener('abort', onAbort))
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
    socket.once('close', () => reject(signal.aborted ? signal.reason : new Error('the socket was closed')))
  })
  return channelOf(socket)
}

const channelOf = (socket: Socket): SocketChannel => ({
  // Without this the end of what comes in would destroy what still goes out.
  readable: socket.iterator({ destroyOnReturn: false }),
  write: (chunk) =>
    new Promise((resolve, reject) => {
      socket.write(chunk, (error) => (error ? reject(error) : resolve()))
    }),
  end: () => void socket.end(),
  closed: new Promise((resolve) => socket.once('close', () => resolve())),
})
