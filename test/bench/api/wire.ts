// A load generator that costs little: keep-alive connections, requests as ready bytes, answers found by their length.
import { connect, type Socket } from 'node:net'

const HEAD_END = Buffer.from('\r\n\r\n')

/** A request's bytes. `headers` are whole lines. */
export function requestBytes(method: string, path: string, body = '', headers = ''): Buffer {
  const length = body === '' ? '' : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`
  return Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: localhost\r\n${headers}${length}\r\n${body}`)
}

/** One keep-alive connection with one request under way at most. */
export class Wire {
  readonly #socket: Socket
  #held: Buffer[] = []
  #bytes = 0
  /** Length of the answer, head included; 0 while its head is not complete. */
  #whole = 0
  #code = 0
  #done: ((result: { readonly code: number; readonly bytes: Buffer }) => void) | null = null
  #failed: (error: Error) => void = () => undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', (error) => this.#failed(error))
    socket.on('close', () => this.#failed(new Error('the server closed the connection')))
  }

  static open(path: string): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect(path)
      socket.once('error', reject)
      socket.once('connect', () => resolve(new Wire(socket)))
    })
  }

  /** Sends and waits for the whole answer. @throws Error for any code but `expected` */
  async send(request: Buffer, expected: number): Promise<Buffer> {
    const { code, bytes } = await new Promise<{ readonly code: number; readonly bytes: Buffer }>((resolve, reject) => {
      this.#done = resolve
      this.#failed = reject
      this.#socket.write(request)
    })
    if (code === expected) return bytes.subarray(bytes.indexOf(HEAD_END) + HEAD_END.length)
    throw new Error(`${code} instead of ${expected}: ${bytes.toString('utf8', 0, 500)}`)
  }

  close(): void {
    this.#failed = () => undefined
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    this.#held.push(chunk)
    this.#bytes += chunk.length
    if (this.#whole === 0) this.#readHead()
    if (this.#whole === 0 || this.#bytes < this.#whole) return
    const bytes = this.#held.length === 1 ? chunk : Buffer.concat(this.#held)
    const result = { code: this.#code, bytes }
    this.#held = []
    this.#bytes = 0
    this.#whole = 0
    this.#done?.(result)
  }

  #readHead(): void {
    const all = this.#held.length === 1 ? (this.#held[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#held)
    this.#held = [all]
    const end = all.indexOf(HEAD_END)
    if (end < 0) return
    const head = all.toString('latin1', 0, end)
    const length = /content-length: (\d+)/i.exec(head)?.[1]
    if (length === undefined) throw new Error(`an answer without a length: ${head.slice(0, 200)}`)
    this.#code = Number(head.slice(9, 12))
    this.#whole = end + HEAD_END.length + Number(length)
  }
}

/** Requests per second that `width` connections get done in `ms`. */
export async function rate(wires: readonly Wire[], ms: number, expected: number, next: () => Buffer): Promise<number> {
  const begun = performance.now()
  let count = 0
  await Promise.all(
    wires.map(async (wire) => {
      while (performance.now() - begun < ms) {
        await wire.send(next(), expected)
        count += 1
      }
    }),
  )
  return (count * 1000) / (performance.now() - begun)
}
