// Which scheduler this host obeys: the one of the highest term that ever claimed it, by that very start of it; and how far that one's store
// had come. Kept in a file of its own, so that an older copy of the database in its place takes nothing back.
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readIfThere, writeAtomically } from '../../lib/files.ts'
import type { ClaimAnswer, ClaimAsk, Ruler } from '../../schemas/index.ts'

interface Known {
  readonly instance: string
  readonly term: number
  readonly revision: string
}

interface Stored extends Known {
  readonly cluster: string
}

const NOBODY: Known = { instance: '', term: 0, revision: '0' }

/** Below the state folder. */
const FILE = join('cluster', 'ruler.json')

/** In words, why a claim is refused; null when it is accepted. Pure. */
export function claimRefusal(ask: ClaimAsk, known: Known): string | null {
  if (ask.term < known.term)
    return `this host obeys the scheduler ${known.instance} of term ${known.term}, which began after this one (term ${ask.term})`
  if (ask.term === known.term && ask.instance !== known.instance)
    return `this host obeys the scheduler ${known.instance}, which has taken the term ${known.term} already`
  if (BigInt(ask.revision) < BigInt(known.revision))
    return `this scheduler's store has come to revision ${ask.revision}, and this host was told things of revision ${known.revision}: the store is an older copy`
  return null
}

/** In words, why a word of that scheduler is not obeyed; null when it is. Pure. */
export function rulerRefusal(said: Ruler, known: Known): string | null {
  if (said.term === known.term && said.instance === known.instance) return null
  if (said.term > known.term)
    return `the scheduler ${said.instance} (term ${said.term}) has not claimed this host yet: it obeys ${nameOf(known)}`
  return `the scheduler ${said.instance} (term ${said.term}) is superseded: this host obeys ${nameOf(known)}`
}

const nameOf = ({ instance, term }: Known): string => (term === 0 ? 'none' : `${instance} (term ${term})`)

/** One writer at a time; what was answered is on disk. */
export class RulerMemory {
  readonly #path: string
  readonly #onKept: () => void
  #known: Known
  /** Hash of the authority of the cluster that it is about; empty before the first one. */
  #cluster: string
  #last: Promise<unknown> = Promise.resolve()

  private constructor(path: string, { cluster, ...known }: Stored, onKept: () => void) {
    this.#path = path
    this.#onKept = onKept
    this.#known = known
    this.#cluster = cluster
  }

  /**
   * @param onKept called at once when something new is on disk
   * @throws Error, in words, for a file that cannot be read: without it a superseded scheduler would be obeyed
   */
  static async open(stateDir: string, onKept: () => void = () => undefined): Promise<RulerMemory> {
    const path = join(stateDir, FILE)
    const text = await readIfThere(path)
    return new RulerMemory(path, text === null ? { ...NOBODY, cluster: '' } : parse(text, path), onKept)
  }

  get known(): Known {
    return this.#known
  }

  claim(ask: ClaimAsk): Promise<ClaimAnswer> {
    return this.#alone(async () => {
      const message = claimRefusal(ask, this.#known)
      if (message === null) await this.#keep({ instance: ask.instance, term: ask.term, revision: ask.revision })
      return { accepted: message === null, ...this.#known, message: message ?? '' }
    })
  }

  /** Something of that revision was obeyed. */
  reached(revision: string): Promise<void> {
    return this.#alone(async () => {
      if (BigInt(revision) > BigInt(this.#known.revision)) await this.#keep({ ...this.#known, revision })
    })
  }

  /** The host has left its cluster: any scheduler may claim it. */
  forget(): Promise<void> {
    return this.#alone(() => this.#keep(NOBODY, ''))
  }

  /** The host joins the cluster of that authority. What was said in another one counts nothing; of the same one all stays. */
  join(cluster: string): Promise<void> {
    return this.#alone(() => this.#keep(cluster === this.#cluster ? this.#known : NOBODY, cluster))
  }

  async #keep(known: Known, cluster = this.#cluster): Promise<void> {
    if (
      cluster === this.#cluster &&
      known.instance === this.#known.instance &&
      known.term === this.#known.term &&
      known.revision === this.#known.revision
    )
      return
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    await writeAtomically(this.#path, `${JSON.stringify({ ...known, cluster })}\n`, 0o600)
    this.#onKept()
    this.#known = known
    this.#cluster = cluster
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work)
    this.#last = mine.catch(() => undefined)
    return mine
  }
}

function parse(text: string, path: string): Stored {
  try {
    const { instance, term, revision, cluster = '' } = JSON.parse(text) as Partial<Stored>
    if (
      typeof instance === 'string' &&
      Number.isSafeInteger(term) &&
      term !== undefined &&
      /^\d+$/.test(revision ?? '')
    )
      return { instance, term, revision: revision ?? '0', cluster: String(cluster) }
  } catch {
    // The same words as for one that says something else.
  }
  throw new Error(
    `${path}, which says which scheduler this host obeys, cannot be read: restore it, or remove it if no other scheduler of this cluster can still run`,
  )
}
