// The stored images of this host for the other hosts of its cluster, by digest: `imagecontents/DIGEST/content` in group cluster.berth.
import { type FileHandle, open } from 'node:fs/promises'
import type { ConnectTarget, Content, ReadSubresource } from '../../lib/apiserver/connect.ts'
import { ApiError } from '../../lib/errors.ts'
import { CLUSTER_GROUP } from '../../schemas/index.ts'
import { SOURCE_FORMAT_HEADER } from './content-path.ts'
import type { ContentStore } from './content-store.ts'
import { isDigest } from './stored.ts'

/** Sent at a time in all; each reads the disk that guests need. */
const MAX_AT_ONCE = 8
const RETRY_SECONDS = 5
const DEADLINE_MS = 6 * 3_600_000
const CHUNK = 1_048_576

export interface ContentReadDeps {
  readonly content: Pick<ContentStore, 'get' | 'path'>
}

export class ContentRead implements ReadSubresource {
  readonly group = CLUSTER_GROUP
  readonly version = 'v1'
  readonly plural = 'imagecontents'
  readonly name = 'content'
  readonly kind = 'ImageContent'
  readonly scope = 'Cluster'
  readonly audience = 'nodes'
  readonly #content: ContentReadDeps['content']
  #running = 0

  constructor({ content }: ContentReadDeps) {
    this.#content = content
  }

  /** @throws ApiError NotFound, and TooManyRequests while so many are being read */
  async read({ name: digest }: ConnectTarget): Promise<Content> {
    const image = isDigest(digest) ? await this.#content.get(digest) : null
    if (image === null)
      throw new ApiError('NotFound', `this host has no image content "${digest}"`, { kind: this.kind, name: digest })
    return {
      type: 'application/octet-stream',
      size: Number(image.storedSize),
      headers: { [SOURCE_FORMAT_HEADER]: image.sourceFormat, etag: `"${digest}"` },
      deadlineMs: DEADLINE_MS,
      open: (start, end) => this.#open(this.#content.path(digest), start, end),
    }
  }

  #open(path: string, start: number, end: number): AsyncIterable<Uint8Array> {
    if (this.#running >= MAX_AT_ONCE)
      throw new ApiError('TooManyRequests', `this host is sending ${MAX_AT_ONCE} image contents; try again`, {
        retryAfterSeconds: RETRY_SECONDS,
      })
    return this.#chunks(path, start, end)
  }

  async *#chunks(path: string, start: number, end: number): AsyncGenerator<Uint8Array> {
    this.#running += 1
    let file: FileHandle | null = null
    try {
      file = await open(path, 'r')
      for (let at = start; at < end; ) {
        // A new piece each time: the one before may still wait in the socket.
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK), 0, Math.min(CHUNK, end - at), at)
        if (bytesRead === 0) throw new Error('the file of the image is shorter than it was recorded')
        yield buffer.subarray(0, bytesRead)
        at += bytesRead
      }
    } finally {
      this.#running -= 1
      await file?.close()
    }
  }
}
