// Reads a stream in the sizes that a protocol says.
import type { ByteStream } from '../../lib/client/streams.ts'

export class StreamReader {
  readonly #iterator: AsyncIterator<Uint8Array>
  #held = Buffer.alloc(0)

  constructor(stream: Pick<ByteStream, 'readable'>) {
    this.#iterator = stream.readable[Symbol.asyncIterator]()
  }

  /** Exactly so many bytes. @throws Error when the stream ends before */
  async take(size: number): Promise<Buffer> {
    while (this.#held.length < size) {
      const { value, done } = await this.#iterator.next()
      if (done) throw new Error(`the stream ended with ${this.#held.length} of ${size} bytes`)
      this.#held = Buffer.concat([this.#held, value])
    }
    const taken = this.#held.subarray(0, size)
    this.#held = this.#held.subarray(size)
    return taken
  }

  /** All that is left. */
  async rest(): Promise<Buffer> {
    const parts = [this.#held]
    for (;;) {
      const { value, done } = await this.#iterator.next()
      if (done) return Buffer.concat(parts)
      parts.push(Buffer.from(value))
    }
  }
}
