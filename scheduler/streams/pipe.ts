// Both directions between a client of the scheduler and the agent's stream, each held back by the slower side.
import type { WebSocket } from 'ws'
import type { ByteStream, StreamEnd } from '../../lib/client/streams.ts'

/** Bytes from the client that are not yet with the agent, after which the client is paused, and below which it goes on. */
const HIGH_BYTES = 65_536
const LOW_BYTES = 16_384
/** Bytes that wait for the client's network before the agent is held back. */
const SEND_BYTES = 262_144
const NO_STATUS = 1005
const LOST = 1006
const INTERNAL = 1011
/** RFC 6455, 5.5: a control frame has 125 bytes, two of them the code. */
const MAX_REASON_BYTES = 123

/** Keeps what a client sends from the first moment. To be made before anything is waited for. */
export class FromClient {
  readonly #socket: WebSocket
  readonly #chunks: Uint8Array[] = []
  #held = 0
  #wake: () => void = () => undefined
  #ended = false

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data: Buffer | ArrayBuffer | Buffer[]) => {
      const chunk = Array.isArray(data)
        ? Buffer.concat(data)
        : data instanceof ArrayBuffer
          ? new Uint8Array(data)
          : data
      this.#chunks.push(chunk)
      this.#held += chunk.length
      if (this.#held >= HIGH_BYTES) socket.pause()
      this.#wake()
    })
    socket.once('close', () => {
      this.#ended = true
      this.#wake()
    })
  }

  /** Until the client is gone. Rejects when the agent's stream does. */
  async pass(stream: ByteStream): Promise<void> {
    for (;;) {
      const chunk = this.#chunks.shift()
      if (chunk !== undefined) {
        await stream.write(chunk)
        this.#held -= chunk.length
        if (this.#socket.isPaused && this.#held <= LOW_BYTES) this.#socket.resume()
      } else if (this.#ended) return
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
    }
  }
}

/** Until either side ends; the client is told how the agent ended it. Never rejects. */
export async function pipe(socket: WebSocket, stream: ByteStream, signal: AbortSignal): Promise<StreamEnd> {
  const input = new FromClient(socket)
  const onAbort = () => stream.close()
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  const up = input.pass(stream).catch(() => undefined)
  const down = send(socket, stream.readable).catch(() => undefined)
  // A client that leaves ends the agent's stream; an agent that ends it is told after its last byte.
  void up.then(() => stream.close())
  const end = await stream.ended
  await down
  signal.removeEventListener('abort', onAbort)
  if (socket.readyState === socket.OPEN) {
    if (socket.isPaused) socket.resume()
    const code = end.code === LOST || end.code === NO_STATUS ? INTERNAL : end.code
    socket.close(code, shortened(end.code === LOST ? 'the connection to the host was lost' : end.reason))
  }
  return end
}

async function send(socket: WebSocket, source: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of source) {
    if (socket.readyState !== socket.OPEN) return
    const sent = new Promise<void>((resolve) => socket.send(chunk, { binary: true }, () => resolve()))
    if (socket.bufferedAmount > SEND_BYTES) await sent
  }
}

/** The beginning of it that fits, whole characters only. */
function shortened(reason: string): string {
  if (Buffer.byteLength(reason) <= MAX_REASON_BYTES) return reason
  let text = ''
  for (const char of reason) {
    if (Buffer.byteLength(`${text}${char}…`) > MAX_REASON_BYTES) break
    text += char
  }
  return `${text}…`
}
