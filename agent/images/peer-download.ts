// The bytes of an image from the hosts that have it, into one file: what one of them breaks off another goes on with, and who sends something else than
// the digest says is found out. What is received is judged elsewhere.
import { createHash, type Hash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../../lib/errors.ts'
import type { ReconcileLog } from '../../lib/reconcile/log.ts'
import type { ImporterConfig } from './config.ts'
import { ImportError, transport } from './errors.ts'
import { brisk } from './fetch.ts'
import { askPeer, type ImageSource, type PeerTls } from './peer-connection.ts'
import { spaceGuard } from './space.ts'
import { writeSparse } from './sparse-file.ts'

export interface PeerDownloadDeps {
  readonly config: Pick<ImporterConfig, 'maxVirtualBytes' | 'stallTimeoutMs'>
  readonly log: Pick<ReconcileLog, 'warn'>
  /** Null while this host is in no cluster. Asked for each connection: certificates are renewed. */
  readonly tls: () => PeerTls | null
  readonly space?: (folder: string) => Promise<bigint>
}

export interface Wanted {
  /** SHA-256 of the stored file. */
  readonly digest: string
  /** Agents that have it, the best one first. */
  readonly sources: readonly ImageSource[]
  readonly onProgress?: (progress: { readonly bytes: number; readonly total: number }) => void
}

/** Name of the received file in its folder. */
export const FILE = 'content'
const HEAD_MS = 15_000

/** What one try has so far. */
interface Received {
  readonly hash: Hash
  bytes: number
  total: number | null
  sourceFormat: string | undefined
  /** Sources that bytes came from. */
  readonly from: Set<ImageSource>
}

export class PeerDownload {
  readonly #deps: PeerDownloadDeps

  constructor(deps: PeerDownloadDeps) {
    this.#deps = deps
  }

  /**
   * The whole content with the right digest, in the folder's {@link FILE}. `sourceFormat`: what it was when it came into the cluster, as a host says.
   * @throws ImportError that names each source and what was wrong with it
   */
  async receive(
    folder: string,
    request: Wanted,
    signal: AbortSignal,
  ): Promise<{ readonly sourceFormat: string | undefined }> {
    const { digest } = request
    const faults = new Map<ImageSource, string>()
    let left = request.sources
    while (left.length > 0) {
      const received = await this.#once(folder, { ...request, sources: left }, faults, signal)
      if (received !== null && received.hash.digest('hex') === digest) return received
      // With bytes of several, nobody knows whose are wrong: each is tried alone.
      const liars = received === null ? left : received.from.size === 1 ? [...received.from] : []
      for (const liar of liars)
        if (!faults.has(liar)) faults.set(liar, 'what it sent is not the content of that digest')
      if (received !== null && liars.length === 0)
        return await this.#eachAlone(folder, { ...request, sources: left }, faults, signal)
      left = left.filter((source) => !liars.includes(source))
    }
    throw nobody(digest, faults)
  }

  async #eachAlone(
    folder: string,
    request: Wanted,
    faults: Map<ImageSource, string>,
    signal: AbortSignal,
  ): Promise<Received> {
    for (const source of request.sources) {
      faults.delete(source)
      const received = await this.#once(folder, { ...request, sources: [source] }, faults, signal)
      if (received !== null && received.hash.digest('hex') === request.digest) return received
      if (!faults.has(source)) faults.set(source, 'what it sent is not the content of that digest')
    }
    throw nobody(request.digest, faults)
  }

  /** One file from one source after the other, going on where the one before left off. Null when all of them failed. */
  async #once(
    folder: string,
    request: Wanted,
    faults: Map<ImageSource, string>,
    signal: AbortSignal,
  ): Promise<Received | null> {
    const path = join(folder, FILE)
    const guard = spaceGuard(folder, this.#deps.space)
    const received: Received = {
      hash: createHash('sha256'),
      bytes: 0,
      total: null,
      sourceFormat: undefined,
      from: new Set(),
    }
    let whole = false
    await rm(path, { force: true })
    const chunks = this.#chunks(received, request, faults, signal, () => {
      whole = true
    })
    await writeSparse(path, chunks, guard)
    return whole ? received : null
  }

  async *#chunks(
    received: Received,
    { digest, sources, onProgress }: Wanted,
    faults: Map<ImageSource, string>,
    signal: AbortSignal,
    done: () => void,
  ): AsyncGenerator<Buffer> {
    for (const source of sources) {
      try {
        for await (const chunk of this.#from(source, digest, received, signal)) {
          received.hash.update(chunk)
          received.bytes += chunk.length
          onProgress?.({ bytes: received.bytes, total: received.total ?? 0 })
          yield chunk
        }
        return done()
      } catch (error) {
        signal.throwIfAborted()
        const words = messageOf(error)
        faults.set(source, words)
        this.#deps.log.warn({ digest, node: source.node, reason: words }, 'image content did not come from a host')
      }
    }
  }

  /** What is still missing, from one source. @throws ImportError */
  async *#from(source: ImageSource, digest: string, received: Received, signal: AbortSignal): AsyncGenerator<Buffer> {
    const { config } = this.#deps
    const tls = this.#deps.tls()
    if (tls === null) throw transport('this host is in no cluster')
    const headMs = Math.min(HEAD_MS, config.stallTimeoutMs)
    const offset = received.bytes
    const answer = await askPeer({ source, digest, offset, tls, headMs, signal })
    const { body, total, sourceFormat } = answer
    try {
      if (received.total !== null && received.total !== total)
        throw transport(`it says that the content has ${total} bytes, another host said ${received.total}`)
      received.total = total
      received.sourceFormat ??= sourceFormat
      if (total > Number(config.maxVirtualBytes) * 2)
        throw transport(`it says that the content has ${total} bytes, far beyond importer.maxVirtualBytes`)
      received.from.add(source)
      let came = offset
      for await (const chunk of brisk(stalling(body, config.stallTimeoutMs), config.stallTimeoutMs)) {
        came += chunk.length
        if (came > total) throw transport('it sends more than it said')
        yield chunk
      }
      if (came < total) throw transport(`it broke off after ${came} of ${total} bytes`)
    } catch (error) {
      if (error instanceof ImportError || signal.aborted) throw error
      throw transport(`it broke off after ${received.bytes} of ${total} bytes`, { cause: error })
    } finally {
      body.on('error', () => {}).destroy()
    }
  }
}

function nobody(digest: string, faults: ReadonlyMap<ImageSource, string>): ImportError {
  const words = [...faults].map(([{ node, url }, said]) => `${node} (${url}): ${said}`)
  const why = words.length === 0 ? 'no host is known to have it' : words.join('; ')
  return transport(`the image content ${digest.slice(0, 12)} could not be had from another host: ${why}`)
}

/** Ends a body in which nothing comes for so long. @throws ImportError */
async function* stalling(body: AsyncIterable<Buffer>, stallMs: number): AsyncGenerator<Buffer> {
  const pieces = body[Symbol.asyncIterator]()
  for (;;) {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(transport(`no data came for ${stallMs / 1000} s`)), stallMs)
    })
    try {
      const piece = await Promise.race([pieces.next(), late])
      if (piece.done === true) return
      yield piece.value
    } finally {
      clearTimeout(timer)
    }
  }
}
