// A byte stream to libvirtd: a unix socket, or plain TCP towards another host. Knows nothing of frames.

import { connect, type Socket } from 'node:net'
import { ConnectionLost } from './errors.ts'

/** Where libvirtd listens. TCP is neither encrypted nor authenticated: for trusted networks only. */
export type Address = { readonly socketPath: string } | { readonly host: string; readonly port: number }

export interface TransportHandlers {
  onData(chunk: Buffer): void
  /** Called once, however the stream ends; `cause` is absent when the peer closed it in good order. */
  onClose(cause: Error | undefined): void
}

/** Bytes that may wait in our send buffer before writers are held back. */
const BACKLOG_BYTES = 1_048_576

const describe = (address: Address): string =>
  'socketPath' in address ? address.socketPath : `${address.host}:${address.port}`

/** A connected byte stream. */
export class Transport {
  readonly #socket: Socket

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Connects; rejects with ConnectionLost (effect none), or with the signal's reason when aborted. */
  static dial(address: Address, signal: AbortSignal): Promise<Transport> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const socket = connect('socketPath' in address ? { path: address.socketPath } : { ...address, noDelay: true })
      const settle = (finish: () => void) => {
        signal.removeEventListener('abort', onAbort)
        socket.removeAllListeners()
        finish()
      }
      const onAbort = () =>
        settle(() => {
          socket.on('error', () => undefined).destroy()
          reject(signal.reason)
        })
      signal.addEventListener('abort', onAbort, { once: true })
      socket.once('connect', () => settle(() => resolve(new Transport(socket))))
      socket.once('error', (cause) =>
        settle(() =>
          reject(new ConnectionLost(`cannot connect to libvirt at ${describe(address)}`, 'none', { cause })),
        ),
      )
    })
  }

  /** Starts reading. Must be called at once, so that no byte is missed. */
  start(handlers: TransportHandlers): void {
    let cause: Error | undefined
    this.#socket.on('data', (chunk: Buffer) => handlers.onData(chunk))
    this.#socket.on('error', (error) => {
      cause = error
    })
    this.#socket.on('close', () => handlers.onClose(cause))
  }

  send(bytes: Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes)
  }

  /** More waits to be sent than the peer should be behind. */
  get backlogged(): boolean {
    return this.#socket.writableLength >= BACKLOG_BYTES
  }

  /** Resolves when little enough waits to be sent, or when the stream has ended. */
  drained(): Promise<void> {
    const socket = this.#socket
    if (socket.destroyed || socket.writableLength < BACKLOG_BYTES) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        socket.off('drain', done)
        socket.off('close', done)
        resolve()
      }
      socket.on('drain', done)
      socket.on('close', done)
    })
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
