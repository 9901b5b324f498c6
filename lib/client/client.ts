// One server, all that a program needs of it: objects, tables, kinds, streams. The door of this folder.
import { type Catalog, discover } from './discovery.ts'
import { Objects } from './objects.ts'
import type { ByteStream } from './streams.ts'
import type { Target } from './target.ts'
import { HttpTransport, type Query, type Transport } from './transport.ts'

export interface StreamCall {
  readonly path: string
  readonly query?: Query
  readonly signal?: AbortSignal
}

export class Client {
  readonly target: Target
  readonly transport: Transport
  readonly objects: Objects
  readonly #userAgent: string
  #catalog: Promise<Catalog> | undefined

  /** Connects at the first call. `userAgent` is what the server shows as the client: `berth/0.1.0`. */
  constructor(target: Target, userAgent: string) {
    this.target = target
    this.#userAgent = userAgent
    this.transport = new HttpTransport(target, userAgent)
    this.objects = new Objects(this.transport)
  }

  /** The server's kinds, asked for once; a failed question is asked again by the next caller. */
  async catalog(signal?: AbortSignal): Promise<Catalog> {
    if (this.#catalog === undefined) {
      this.#catalog = discover(this.transport, signal)
      this.#catalog.catch(() => {
        this.#catalog = undefined
      })
    }
    return await this.#catalog
  }

  /** @throws ApiError when the server refuses, UnreachableError, or the signal's reason. */
  async stream({ path, query, signal }: StreamCall): Promise<ByteStream> {
    // Few clients open streams; the others need not load a websocket library.
    const { openStream } = await import('./streams.ts')
    return await openStream(this.target, {
      path,
      userAgent: this.#userAgent,
      ...(query === undefined ? {} : { query }),
      ...(signal === undefined ? {} : { signal }),
    })
  }

  async close(): Promise<void> {
    await this.transport.close()
  }
}
