// What a client sends, in order and in bounded memory: kept from the first moment, passed on once there is a stream.
import type WebSocket from 'ws'

/** Bytes not yet passed on, after which the client is paused, and below which it goes on. */
const HIGH_BYTES = 65_536
const LOW_BYTES = 16_384

export class ClientInput {
  readonly #socket: WebSocket
  #chunks: Uint8Array[] = []
  #held = 0
  #wake: (() => void) | undefined
  #ended = false

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data: WebSocket.RawData) => this.#keep(toBytes(data)))
    socket.once('close', () => {
      this.#ended = true
      this.#notify()
    })
  }

  /** Writes everything that comes until the socket closes, one chunk after the other. Rejects when `write` does. */
  async pass(write: (chunk: Uint8Array) => Promise<void>): Promise<void> {
    for (;;) {
      const chunk = this.#chunks.shift()
      if (chunk !== undefined) {
        await write(chunk)
        this.#held -= chunk.length
        if (this.#socket.isPaused && this.#held <= LOW_BYTES) this.#socket.resume()
      } else if (this.#ended) return
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
    }
  }

  #keep(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#held += chunk.length
    if (this.#held >= HIGH_BYTES) this.#socket.pause()
    this.#notify()
  }

  #notify(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}

function toBytes(data: WebSocket.RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data
}
