// A small file beside the database that remembers how far the store had come. A database that is behind it, or is another one, was put
// there by somebody: an older copy. Clients of the newer one must then not go on as if nothing had happened.
import { readIfThere, removeTemporariesOf, writeAtomically } from '../../files.ts'
import type { Revision } from '../store.ts'

/** The store's identity and its newest revision, some seconds ago at most. */
export interface Seen {
  readonly id: string
  readonly revision: Revision
}

const MODE = 0o600

export class Witness {
  readonly #path: string
  #noted: Seen | null = null

  /** @param database path of the database; the witness is `<database>.seen` */
  constructor(database: string) {
    this.#path = `${database}.seen`
  }

  /** What was noted last; null when nothing was, or the note cannot be read. Takes away what a killed process left of a note. */
  async read(): Promise<Seen | null> {
    await removeTemporariesOf(this.#path)
    const text = await readIfThere(this.#path)
    this.#noted = text === null ? null : parse(text)
    return this.#noted
  }

  /** On disk when the promise resolves. The same twice is written once. */
  async note(seen: Seen): Promise<void> {
    if (this.#noted?.id === seen.id && this.#noted.revision === seen.revision) return
    const text = `${JSON.stringify({ id: seen.id, revision: String(seen.revision) })}\n`
    await writeAtomically(this.#path, text, MODE)
    this.#noted = seen
  }
}

function parse(text: string): Seen | null {
  try {
    const { id, revision } = JSON.parse(text) as Readonly<Record<string, unknown>>
    if (typeof id !== 'string' || typeof revision !== 'string' || !/^\d{1,18}$/.test(revision)) return null
    return { id, revision: BigInt(revision) }
  } catch {
    return null
  }
}

/** Whether a database at this point is not the one that was seen last, or an older copy of it. */
export const isOlderCopy = (seen: Seen | null, now: Seen): boolean =>
  seen !== null && (seen.id !== now.id || now.revision < seen.revision)
