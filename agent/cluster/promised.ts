// Machines that this host does not start without its scheduler's word, as the scheduler may count on it: those that the last renewal which was
// answered has named, and those that were named since. Kept in a file of its own, before they are named: a host that was powered off and boots
// while it is cut off knows them still, whatever it has heard since the scheduler did.
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readIfThere, writeAtomically } from '../../lib/files.ts'

/** Below the state folder. */
const FILE = join('cluster', 'promised.json')

/** One writer at a time; what {@link has} says is on disk. */
export class PromisedMemory {
  readonly #path: string
  #uids: ReadonlySet<string>
  #last: Promise<unknown> = Promise.resolve()

  private constructor(path: string, uids: ReadonlySet<string>) {
    this.#path = path
    this.#uids = uids
  }

  /** @throws Error, in words, for a file that cannot be read: without it a machine could be started that runs elsewhere */
  static async open(stateDir: string): Promise<PromisedMemory> {
    const path = join(stateDir, FILE)
    const text = await readIfThere(path)
    return new PromisedMemory(path, new Set(text === null ? [] : parse(text, path)))
  }

  has(uid: string): boolean {
    return this.#uids.has(uid)
  }

  /** They are about to be named. Resolves when that is on disk. @throws what the disk says; they must not be named then */
  add(uids: readonly string[]): Promise<void> {
    return this.#alone(() => this.#keep(new Set([...this.#uids, ...uids])))
  }

  /** A renewal that named these alone was answered. @throws what the disk says; all stay remembered then */
  settle(uids: readonly string[]): Promise<void> {
    return this.#alone(() => this.#keep(new Set(uids)))
  }

  async #keep(uids: ReadonlySet<string>): Promise<void> {
    if (uids.size === this.#uids.size && [...uids].every((uid) => this.#uids.has(uid))) return
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    await writeAtomically(this.#path, `${JSON.stringify([...uids].sort())}\n`, 0o600)
    this.#uids = uids
  }

  #alone(work: () => Promise<void>): Promise<void> {
    const mine = this.#last.then(work)
    this.#last = mine.catch(() => undefined)
    return mine
  }
}

function parse(text: string, path: string): readonly string[] {
  try {
    const uids: unknown = JSON.parse(text)
    if (Array.isArray(uids) && uids.every((uid) => typeof uid === 'string')) return uids
  } catch {
    // The same words as for one that says something else.
  }
  throw new Error(
    `${path}, which says what this host does not start without its scheduler, cannot be read: restore it, or remove it when none of its machines runs elsewhere`,
  )
}
