// Brings the content of an image from another host of the cluster into this host's store, by its digest.
//
// INVARIANTS
// - What is stored has the digest that was asked for: it is computed over what was written, whoever sent it.
// - The content is claimed in the same step in which it becomes visible, so that it is never collected in between.
// - Nothing is converted: the file is the very one that the first host stored. Size, format and what it reaches are judged here, not believed.
import { createHash, type Hash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../../lib/errors.ts'
import type { ReconcileLog } from '../../lib/reconcile/log.ts'
import type { OnFileStep } from '../seams.ts'
import type { ImporterConfig } from './config.ts'
import type { Room } from './confine.ts'
import type { ContentStore } from './content-store.ts'
import { ImportError, transport } from './errors.ts'
import { brisk } from './fetch.ts'
import type { SourceFormat } from './format.ts'
import { judged, noSpace } from './importer.ts'
import { askPeer, type ImageSource, type PeerTls } from './peer-connection.ts'
import { probe } from './probe.ts'
import { spaceGuard } from './space.ts'
import { writeSparse } from './sparse-file.ts'
import { type Claim, isDigest, type StoredImage } from './stored.ts'

export interface PeerFetchDeps {
  readonly content: ContentStore
  readonly config: Pick<ImporterConfig, 'maxVirtualBytes' | 'stallTimeoutMs' | 'totalTimeoutMs' | 'concurrency'>
  readonly log: ReconcileLog
  /** Null while this host is in no cluster. Asked for each connection: certificates are renewed. */
  readonly tls: () => PeerTls | null
  readonly space?: (folder: string) => Promise<bigint>
  readonly onFileStep?: OnFileStep
}

export interface PeerRequest {
  /** SHA-256 of the stored file. */
  readonly digest: string
  /** Agents that have it, the best one first. */
  readonly sources: readonly ImageSource[]
  /** Who needs it: an image, a disk, a migration. The content stays until `content.release(uid)`. */
  readonly claim: Omit<Claim, 'digest'>
  readonly onProgress?: (progress: { readonly bytes: number; readonly total: number }) => void
}

const FILE = 'content'
const HEAD_MS = 15_000
const SOURCE_FORMATS: readonly SourceFormat[] = ['qcow2', 'vmdk', 'vdi', 'iso', 'raw']

/** What one try has so far. */
interface Received {
  readonly hash: Hash
  bytes: number
  total: number | null
  sourceFormat: string | undefined
  /** Sources that bytes came from. */
  readonly from: Set<ImageSource>
}

export class PeerFetch {
  readonly #deps: PeerFetchDeps
  readonly #underway = new Map<string, Promise<void>>()
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(deps: PeerFetchDeps) {
    this.#deps = deps
  }

  /**
   * Sees to it that this host has the content and that `claim` holds it. One download of a digest at a time; others that want it wait for it.
   * @throws ImportError that names each source and what was wrong with it; the reason of `signal`
   */
  async ensureImage(request: PeerRequest, signal: AbortSignal): Promise<StoredImage> {
    const { content } = this.#deps
    const { digest, claim } = request
    if (!isDigest(digest)) throw new Error('not a digest')
    for (;;) {
      signal.throwIfAborted()
      if (await content.share(digest, claim)) {
        const image = await content.get(digest)
        if (image !== null) return image
      }
      const other = this.#underway.get(digest)
      if (other === undefined) return await this.#alone(request, signal)
      // However that one ends, this one looks again.
      await unlessAborted(other, signal)
    }
  }

  async #alone(request: PeerRequest, signal: AbortSignal): Promise<StoredImage> {
    const work = this.#inTurn(() => this.#bring(request, signal), signal)
    const over = work.then(
      () => undefined,
      () => undefined,
    )
    this.#underway.set(request.digest, over)
    try {
      return await work
    } finally {
      this.#underway.delete(request.digest)
    }
  }

  async #inTurn<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    while (this.#running >= this.#deps.config.concurrency) {
      await unlessAborted(new Promise<void>((resolve) => this.#waiting.push(resolve)), signal)
    }
    this.#running += 1
    try {
      return await work()
    } finally {
      this.#running -= 1
      for (const wake of this.#waiting.splice(0)) wake()
    }
  }

  async #bring(request: PeerRequest, signal: AbortSignal): Promise<StoredImage> {
    const { content, config, log, onFileStep } = this.#deps
    const { digest, sources, claim } = request
    const deadline = AbortSignal.timeout(config.totalTimeoutMs)
    const both = AbortSignal.any([signal, deadline])
    try {
      return await content.withRoom(async (room) => {
        const { sourceFormat } = await this.#receive(room, request, both)
        onFileStep?.('image-fetched')
        const facts = await this.#judge(room, sourceFormat, both)
        const image = await content.place(join(room.work, FILE), facts, claim)
        // What was hashed while it came and what `place` hashed are one file, unless the disk below is broken.
        if (image.digest !== digest) {
          await content.release(claim.uid)
          throw new ImportError('host', 'the file on disk is not what was written to it: look at the disk of this host')
        }
        log.info({ digest, sources: sources.map(({ node }) => node) }, 'image content came from another host')
        return image
      })
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (deadline.aborted)
        throw transport(`the content did not come within ${config.totalTimeoutMs / 1000} s`, { cause: error })
      throw noSpace(error)
    }
  }

  /** The whole content in the room, with the right digest. @throws ImportError */
  async #receive(room: Room, request: PeerRequest, signal: AbortSignal): Promise<Received> {
    const { digest } = request
    const faults = new Map<ImageSource, string>()
    let left = request.sources
    while (left.length > 0) {
      const received = await this.#once(room, { ...request, sources: left }, faults, signal)
      if (received !== null && received.hash.digest('hex') === digest) return received
      // With bytes of several, nobody knows whose are wrong: each is tried alone.
      const liars = received === null ? left : received.from.size === 1 ? [...received.from] : []
      for (const liar of liars)
        if (!faults.has(liar)) faults.set(liar, 'what it sent is not the content of that digest')
      if (received !== null && liars.length === 0)
        return await this.#eachAlone(room, { ...request, sources: left }, faults, signal)
      left = left.filter((source) => !liars.includes(source))
    }
    throw nobody(digest, faults)
  }

  async #eachAlone(
    room: Room,
    request: PeerRequest,
    faults: Map<ImageSource, string>,
    signal: AbortSignal,
  ): Promise<Received> {
    for (const source of request.sources) {
      faults.delete(source)
      const received = await this.#once(room, { ...request, sources: [source] }, faults, signal)
      if (received !== null && received.hash.digest('hex') === request.digest) return received
      if (!faults.has(source)) faults.set(source, 'what it sent is not the content of that digest')
    }
    throw nobody(request.digest, faults)
  }

  /** One file from one source after the other, going on where the one before left off. Null when all of them failed. */
  async #once(
    room: Room,
    request: PeerRequest,
    faults: Map<ImageSource, string>,
    signal: AbortSignal,
  ): Promise<Received | null> {
    const path = join(room.work, FILE)
    const guard = spaceGuard(room.work, this.#deps.space)
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
    { digest, sources, onProgress }: PeerRequest,
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

  /** What the content is, seen on this host. @throws ImportError */
  async #judge(room: Room, said: string | undefined, signal: AbortSignal) {
    const { format, size } = await judged(join(room.work, FILE))
    if (format === 'iso') return { format: 'raw', sourceFormat: format, virtualSize: size, cdrom: true } as const
    if (format !== 'qcow2') throw transport(`the content is ${format}, which no host of this cluster stores`)
    await room.readable(FILE)
    const { virtualSize } = await probe(room, FILE, format, this.#deps.config.maxVirtualBytes, signal)
    const sourceFormat = SOURCE_FORMATS.find((known) => known === said) ?? format
    return { format, sourceFormat, virtualSize, cdrom: false } as const
  }
}

function nobody(digest: string, faults: ReadonlyMap<ImageSource, string>): ImportError {
  const words = [...faults].map(([{ node, url }, said]) => `${node} (${url}): ${said}`)
  const why = words.length === 0 ? 'no host is known to have it' : words.join('; ')
  return transport(`the image content ${digest.slice(0, 12)} could not be had from another host: ${why}`)
}

/** Waits for something that never rejects, or until the signal aborts. @throws its reason */
async function unlessAborted(wait: Promise<void>, signal: AbortSignal): Promise<void> {
  let leave = () => {}
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  signal.addEventListener('abort', leave, { once: true })
  if (!signal.aborted) await Promise.race([wait, left])
  signal.removeEventListener('abort', leave)
  signal.throwIfAborted()
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
