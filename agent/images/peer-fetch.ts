// Brings the content of an image from another host of the cluster into this host's store, by its digest.
//
// INVARIANTS
// - What is stored has the digest that was asked for: it is computed over what was written, whoever sent it.
// - The content is claimed in the same step in which it becomes visible, so that it is never collected in between.
// - Nothing is converted: the file is the very one that the first host stored. Size, format and what it reaches are judged here, not believed.
import { join } from 'node:path'
import type { ReconcileLog } from '../../lib/reconcile/log.ts'
import { Semaphore } from '../../lib/semaphore.ts'
import type { OnFileStep } from '../seams.ts'
import type { ImporterConfig } from './config.ts'
import type { Room } from './confine.ts'
import type { ContentStore } from './content-store.ts'
import { ImportError, transport } from './errors.ts'
import type { SourceFormat } from './format.ts'
import { judged, noSpace } from './importer.ts'
import { FILE, PeerDownload, type PeerDownloadDeps, type Wanted } from './peer-download.ts'
import { probe } from './probe.ts'
import { type Claim, isDigest, type StoredImage } from './stored.ts'

export interface PeerFetchDeps extends PeerDownloadDeps {
  readonly content: ContentStore
  readonly config: Pick<ImporterConfig, 'maxVirtualBytes' | 'stallTimeoutMs' | 'totalTimeoutMs' | 'concurrency'>
  readonly log: ReconcileLog
  readonly onFileStep?: OnFileStep
}

export interface PeerRequest extends Wanted {
  /** Who needs it: an image, a disk, a migration. The content stays until `content.release(uid)`. */
  readonly claim: Omit<Claim, 'digest'>
}

const SOURCE_FORMATS: readonly SourceFormat[] = ['qcow2', 'vmdk', 'vdi', 'iso', 'raw']

export class PeerFetch {
  readonly #deps: PeerFetchDeps
  readonly #download: PeerDownload
  readonly #downloads: Semaphore
  /** By digest; none rejects. */
  readonly #underway = new Map<string, Promise<void>>()

  constructor(deps: PeerFetchDeps) {
    this.#deps = deps
    this.#download = new PeerDownload(deps)
    this.#downloads = new Semaphore(deps.config.concurrency)
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
    const work = this.#inTurn(request, signal)
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

  async #inTurn(request: PeerRequest, signal: AbortSignal): Promise<StoredImage> {
    const end = await this.#downloads.take(signal)
    try {
      return await this.#bring(request, signal)
    } finally {
      end()
    }
  }

  async #bring(request: PeerRequest, signal: AbortSignal): Promise<StoredImage> {
    const { content, config, log, onFileStep } = this.#deps
    const { digest, sources, claim } = request
    const deadline = AbortSignal.timeout(config.totalTimeoutMs)
    const both = AbortSignal.any([signal, deadline])
    try {
      return await content.withRoom(async (room) => {
        const { sourceFormat } = await this.#download.receive(room.work, request, both)
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
