// Gathers the parts of a bundle: each with a deadline and a bound, each missing one with its reason.
import { gzipSync } from 'node:zlib'
import type { Clock } from '../../clock.ts'
import { messageOf } from '../../errors.ts'
import type { Secrets } from './redact.ts'
import { tar } from './tar.ts'

/** Something to look at. */
export interface Part {
  /** Name of the file, or of the folder when it gives several. */
  readonly name: string
  /** Its texts by file name. @throws Error with the reason for which it cannot be had */
  read(signal: AbortSignal): Promise<Readonly<Record<string, string>>>
}

export interface BundleOptions {
  readonly clock: Clock
  readonly secrets: Secrets
  /** In the order in which they are read: those that give away secrets, and so teach them, first. */
  readonly parts: readonly Part[]
  /** Milliseconds for each part. */
  readonly deadlineMs: number
}

/** Characters of one file at most; of a longer one the end is kept, which is the newest of a log. */
export const MAX_FILE = 8 * 1_048_576
/** Characters of all files together at most. */
export const MAX_TOTAL = 64 * 1_048_576

interface Told {
  readonly name: string
  readonly what: string
}

/** The archive, gzipped, and what is said about it: one line per file or missing part. */
export async function makeBundle(options: BundleOptions): Promise<{ readonly archive: Buffer; readonly told: string }> {
  const { clock, secrets, parts } = options
  const files: { readonly name: string; readonly text: string }[] = []
  const told: Told[] = []
  let left = MAX_TOTAL
  for (const part of parts) {
    const began = clock.monotonic()
    try {
      for (const [file, whole] of Object.entries(await within(part, options))) {
        const text = whole.slice(-Math.min(MAX_FILE, left))
        left -= text.length
        files.push({ name: file, text })
        const cut = text.length < whole.length ? `, the end of ${whole.length}` : ''
        told.push({ name: file, what: `${text.length} characters${cut}` })
      }
    } catch (error) {
      const seconds = ((clock.monotonic() - began) / 1000).toFixed(1)
      told.push({ name: part.name, what: `MISSING after ${seconds} s: ${messageOf(error)}` })
    }
  }
  // Only now is every secret known.
  const list = secrets.scrub(told.map(({ name, what }) => `${name}: ${what}\n`).join(''))
  const now = clock.now()
  const archive = tar(
    [{ name: 'MANIFEST.txt', text: list }, ...files].map(({ name, text }) => ({
      name: `berth-debug/${name}`,
      bytes: Buffer.from(name === 'MANIFEST.txt' ? text : secrets.scrub(text)),
    })),
    now,
  )
  return { archive: gzipSync(archive), told: list }
}

async function within(part: Part, { clock, deadlineMs }: BundleOptions): Promise<Readonly<Record<string, string>>> {
  const over = new AbortController()
  const ended = new AbortController()
  const late = clock.sleep(deadlineMs, ended.signal).then(
    () => {
      over.abort(new Error(`no answer within ${deadlineMs / 1000} s`))
      throw over.signal.reason
    },
    () => ({}),
  )
  try {
    return await Promise.race([part.read(over.signal), late])
  } finally {
    ended.abort()
  }
}
