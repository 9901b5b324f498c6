// The audit log on disk: JSON lines in one file, which is put aside when it is full. Writing never holds up a request.
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { type Clock, systemClock } from '../../clock.ts'
import { messageOf } from '../../errors.ts'
import type { AuditEvent } from './event.ts'

/** Lines that wait for the disk; more are counted and lost. About 8 MiB. */
const MAX_WAITING = 16_384
/** Between two words about a disk that takes nothing. */
const COMPLAIN_MS = 60_000

export interface AuditFileOptions {
  /** `/var/lib/berth/audit/audit.log`; full files are beside it with the time in their names. */
  readonly path: string
  /** Size of one file in bytes, after which a new one begins. */
  readonly maxBytes: number
  /** Full files that are kept. */
  readonly keep: number
  readonly clock?: Clock
  readonly log: { warn(fields: object, message: string): void }
}

/**
 * INVARIANTS: one write is under way at a time; lines are on their way to the disk in the order of `record`; a line is written whole or,
 * when the disk is full, not at all that a reader would take for one (its end is cut off).
 */
export class AuditFile {
  readonly #options: AuditFileOptions
  readonly #clock: Clock
  #file: FileHandle | null = null
  #size = 0
  #waiting: string[] = []
  #lost = 0
  /** Tells files apart that are put aside within one millisecond. */
  #asides = 0
  #complained = Number.NEGATIVE_INFINITY
  #writing: Promise<void> | null = null

  private constructor(options: AuditFileOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** @throws Error when the file cannot be written: a server that should have an audit log does not start without */
  static async open(options: AuditFileOptions): Promise<AuditFile> {
    const file = new AuditFile(options)
    await mkdir(dirname(options.path), { recursive: true, mode: 0o700 })
    await file.#openFile()
    return file
  }

  /** Files of the log, newest first. */
  static async files(path: string): Promise<readonly string[]> {
    const full = await fullFiles(path)
    return [path, ...full.reverse()]
  }

  /** Takes an event; it is on disk within a turn or two of the event loop. */
  record(event: AuditEvent): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#lost += 1
      return
    }
    this.#waiting.push(`${JSON.stringify(event)}\n`)
    this.#writing ??= this.#drain().finally(() => {
      this.#writing = null
    })
  }

  /** Resolves when all that was recorded before is handed to the disk, or given up. */
  async flush(): Promise<void> {
    while (this.#writing !== null) await this.#writing
  }

  async close(): Promise<void> {
    await this.flush()
    await this.#file?.close()
    this.#file = null
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting
      this.#waiting = []
      try {
        await this.#write(lines)
      } catch (error) {
        this.#lost += lines.length
        this.#complain(error)
      }
    }
  }

  async #write(lines: readonly string[]): Promise<void> {
    const bytes = Buffer.from(lines.join(''))
    if (this.#size > 0 && this.#size + bytes.length > this.#options.maxBytes) await this.#putAside()
    const file = this.#file ?? (await this.#openFile())
    const before = this.#size
    try {
      for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten
    } catch (error) {
      // Half a line would spoil the one that follows it.
      await file.truncate(before).catch(() => undefined)
      throw error
    }
    this.#size += bytes.length
    if (this.#lost === 0) return
    this.#options.log.warn({ lost: this.#lost }, 'the audit log is written again; records were lost')
    this.#lost = 0
    this.#complained = Number.NEGATIVE_INFINITY
  }

  async #openFile(): Promise<FileHandle> {
    const file = await open(this.#options.path, 'a', 0o600)
    this.#size = (await file.stat()).size
    this.#file = file
    return file
  }

  async #putAside(): Promise<void> {
    const { path, keep } = this.#options
    await this.#file?.close()
    this.#file = null
    const stamp = new Date(this.#clock.now()).toISOString().replaceAll(':', '-')
    this.#asides += 1
    const aside = `${stem(path)}-${stamp}-${String(this.#asides).padStart(6, '0')}${extname(path)}`
    await rename(path, join(dirname(path), aside))
    const full = await fullFiles(path)
    for (const name of full.slice(0, Math.max(0, full.length - keep))) await rm(name, { force: true })
  }

  #complain(error: unknown): void {
    const now = this.#clock.monotonic()
    if (now - this.#complained < COMPLAIN_MS) return
    this.#complained = now
    const { path } = this.#options
    this.#options.log.warn({ path, lost: this.#lost, reason: messageOf(error) }, 'the audit log cannot be written')
  }
}

const stem = (path: string): string => basename(path, extname(path))

/** Full files, oldest first: their names sort by time. */
async function fullFiles(path: string): Promise<string[]> {
  const [prefix, suffix] = [`${stem(path)}-`, extname(path)]
  const names = await readdir(dirname(path)).catch(() => [])
  return names
    .filter((name) => name.startsWith(prefix) && name.endsWith(suffix))
    .sort()
    .map((name) => join(dirname(path), name))
}
