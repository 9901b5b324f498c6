// One import from end to end: download, unpack, check, judge, convert, store. Leaves a stored image or nothing.
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../lib/clock.ts'
import type { OnFileStep } from '../seams.ts'
import { ChecksumCheck, type Checksums } from './checksum.ts'
import type { ImporterConfig } from './config.ts'
import type { Room } from './confine.ts'
import type { ContentStore } from './content-store.ts'
import { convert } from './convert.ts'
import { unpacked } from './decompress.ts'
import { ImportError, refused } from './errors.ts'
import { download } from './fetch.ts'
import { detect, HEAD_BYTES, type SourceFormat } from './format.ts'
import type { ImageSource } from './peer-connection.ts'
import { probe } from './probe.ts'
import type { Names } from './reach.ts'
import { spaceFor, spaceGuard, whileRoom } from './space.ts'
import { writeSparse } from './sparse-file.ts'
import type { Claim, StoredImage } from './stored.ts'

/** Where an image comes from. */
export interface HttpSource {
  readonly url: string
  /** PEM in base64. */
  readonly caBundle?: string | undefined
  readonly checksum?: Checksums | undefined
}

/** Content that other hosts of the cluster have. */
export interface PeerContent {
  readonly digest: string
  /** The best one first. */
  readonly sources: readonly ImageSource[]
}

export interface ImportRequest {
  readonly source: HttpSource
  /** It was imported on another host already: its content comes from there. */
  readonly content?: PeerContent | undefined
  readonly claim: Omit<Claim, 'digest'>
}

/** How far an import is. `total` is null while the server does not say. */
export interface ImportProgress {
  readonly stage: 'download' | 'convert'
  readonly bytes: number
  readonly total: number | null
}

export interface ImporterDeps {
  readonly content: ContentStore
  readonly config: ImporterConfig
  readonly names?: Names
  /** Bytes that may still be written below a folder; the real file system's when left out. */
  readonly space?: (folder: string) => Promise<bigint>
  readonly onFileStep?: OnFileStep
}

const INPUT = 'in'
const OUTPUT = 'out'

export class Importer {
  readonly #deps: ImporterDeps

  constructor(deps: ImporterDeps) {
    this.#deps = deps
  }

  /** @throws ImportError with words for a condition; the reason of `signal` */
  async import(
    request: ImportRequest,
    onProgress: (progress: ImportProgress) => void,
    signal: AbortSignal,
  ): Promise<StoredImage> {
    const { content, onFileStep } = this.#deps
    try {
      return await content.withRoom(async (room) => {
        const bytes = await this.#fetch(room, request.source, onProgress, signal)
        onFileStep?.('image-fetched')
        onProgress({ stage: 'convert', bytes, total: bytes })
        return await this.#store(room, request.claim, signal)
      })
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw noSpace(error)
    }
  }

  /** Returns the bytes that came. */
  async #fetch(
    room: Room,
    source: HttpSource,
    onProgress: (progress: ImportProgress) => void,
    signal: AbortSignal,
  ): Promise<number> {
    const { config, names, space } = this.#deps
    const check = new ChecksumCheck(source.checksum)
    const guard = spaceGuard(room.work, space)
    const options = {
      ...config,
      url: source.url,
      checked: check.any,
      ...(source.caBundle === undefined ? {} : { caBundle: source.caBundle }),
      ...(names === undefined ? {} : { names }),
    }
    let bytes = 0
    await download(
      options,
      async ({ chunks, total }, both) => {
        async function* metered() {
          for await (const chunk of chunks) {
            bytes += chunk.length
            check.update(chunk)
            onProgress({ stage: 'download', bytes, total })
            yield chunk
          }
        }
        const plain = unpacked(metered(), room, { timeoutMs: config.totalTimeoutMs, signal: both })
        await writeSparse(join(room.work, INPUT), plain, async (length) => {
          if (BigInt(length) > config.maxVirtualBytes) {
            throw refused(
              `the download unpacks to more than importer.maxVirtualBytes (${config.maxVirtualBytes} bytes)`,
            )
          }
          await guard(length)
        })
      },
      signal,
    )
    check.verify()
    return bytes
  }

  async #store(room: Room, claim: ImportRequest['claim'], signal: AbortSignal): Promise<StoredImage> {
    const { config, content, space = spaceFor } = this.#deps
    const input = join(room.work, INPUT)
    const { format, size } = await judged(input)
    if (format === 'iso') {
      const facts = { format: 'raw', sourceFormat: format, virtualSize: size, cdrom: true } as const
      return await content.place(input, facts, claim)
    }
    await room.readable(INPUT)
    const { virtualSize } = await probe(room, INPUT, format, config.maxVirtualBytes, signal)
    const spaceBytes = await space(room.work)
    const timeoutMs = config.totalTimeoutMs
    const output = await whileRoom(
      { folder: room.work, clock: systemClock, look: space },
      (both) => convert(room, INPUT, OUTPUT, { format, virtualSize, spaceBytes, timeoutMs, signal: both }),
      signal,
    )
    this.#deps.onFileStep?.('image-converted')
    signal.throwIfAborted()
    return await content.place(output, { format: 'qcow2', sourceFormat: format, virtualSize, cdrom: false }, claim)
  }
}

/** What a file is by its first bytes. @throws ImportError for what is not taken */
export async function judged(path: string): Promise<{ readonly format: SourceFormat; readonly size: bigint }> {
  const file = await open(path, 'r')
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    const { bytesRead } = await file.read(head, 0, head.length, 0)
    const found = detect(head.subarray(0, bytesRead))
    if (found.kind === 'refused') throw refused(`the file is ${found.what}`)
    return { format: found.format, size: (await file.stat({ bigint: true })).size }
  } finally {
    await file.close()
  }
}

/** A full disk in words; any other fault as it is. */
export function noSpace(error: unknown): unknown {
  const full = error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
  return full ? new ImportError('host', 'there is not enough free space for the image', { cause: error }) : error
}
