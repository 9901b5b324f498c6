// Which hosts are heard of: by their leases and by the links to their agents. In words, for people; evidence of death is another matter.
import { type Clock, timestamp } from '../../lib/clock.ts'

/** What is known of a host's signs of life. */
export interface Signs {
  /** Monotonic milliseconds of this process at which its lease was last renewed; null: not since the start. */
  heardAt(node: string): number | null
  /** Null while the link to its agent works. */
  linkProblem(node: string): string | null
}

export interface HealthDeps {
  readonly clock: Clock
  readonly nodes: () => readonly string[]
  readonly signs: Signs
  /** This scheduler gives leases now: a host that lives asks for one within seconds. */
  readonly givesLeases?: () => boolean
  /** In words, why this scheduler hears nothing from any host for good; null while it may. */
  readonly overruled?: () => string | null
  /** A host is heard of no more, or again. */
  readonly onChange: (node: string) => void
  /** A lease, or a broken link, is believed so long. */
  readonly patienceMs?: number
}

const PATIENCE_MS = 15_000
const LOOK_MS = 1_000

interface Since {
  /** Monotonic milliseconds. */
  readonly at: number
  /** RFC 3339. */
  readonly text: string
}

interface Known {
  /** Monotonic milliseconds: since when its first question for a lease is waited for; null: it has come, or none is given. */
  readonly awaitedAt: number | null
  /** Monotonic milliseconds: since when it could not be reached by its link. */
  readonly lostAt: number | null
  readonly since: Since | null
  readonly words: string | null
}

export class Health {
  readonly #deps: HealthDeps
  readonly #known = new Map<string, Known>()
  readonly #stopping = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(deps: HealthDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#running = this.#loop()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  /** Why nothing can be said of the host now, in words; null while it is heard. */
  silence(node: string): string | null {
    return this.#known.get(node)?.words ?? null
  }

  /** Looks at all hosts now. */
  look(): void {
    const { nodes, onChange } = this.#deps
    const all = new Set(nodes())
    for (const node of this.#known.keys()) if (!all.has(node)) this.#known.delete(node)
    for (const node of all) {
      const before = this.#known.get(node)
      const now = this.#judge(node, before ?? null)
      this.#known.set(node, now)
      if ((before?.words ?? null) === null ? now.words !== null : now.words === null) onChange(node)
    }
  }

  #judge(node: string, before: Known | null): Known {
    const { clock, signs, patienceMs = PATIENCE_MS, givesLeases = () => true, overruled = () => null } = this.#deps
    const now = clock.monotonic()
    const problem = signs.linkProblem(node)
    const lostAt = problem === null ? null : (before?.lostAt ?? now)
    const heardAt = signs.heardAt(node)
    const awaitedAt = heardAt !== null || !givesLeases() ? null : (before?.awaitedAt ?? now)
    const over = overruled()
    const waits = { awaitedAt, lostAt }
    if (over !== null) return { ...waits, since: null, words: over }
    // A host that was cut off before it asked this process for a lease: its link may look well for many minutes.
    const aliveAt = heardAt ?? awaitedAt
    // Who renews its lease is alive, and who can be read as well is heard; a host of which neither holds is not.
    if (aliveAt !== null && now - aliveAt > patienceMs) {
      const since = this.#timeOf(aliveAt, before?.since ?? null)
      return { ...waits, since, words: `the host has not renewed its lease since ${since.text}` }
    }
    if (lostAt !== null && now - lostAt > patienceMs) {
      const since = this.#timeOf(lostAt, before?.since ?? null)
      return { ...waits, since, words: `the host's agent has not been reached since ${since.text} (${problem})` }
    }
    return { ...waits, since: null, words: null }
  }

  /** The time of day at which a silence began, as it was first worked out: words that hold as long as the silence does. */
  #timeOf(at: number, before: Since | null): Since {
    if (before?.at === at) return before
    const { clock } = this.#deps
    return { at, text: timestamp(clock.now() - (clock.monotonic() - at)) }
  }

  async #loop(): Promise<void> {
    const { clock } = this.#deps
    const { signal } = this.#stopping
    while (!signal.aborted) {
      this.look()
      await clock.sleep(LOOK_MS, signal).catch(() => undefined)
    }
  }
}
