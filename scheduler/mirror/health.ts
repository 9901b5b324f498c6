// Which hosts are heard of: by their leases and by the links to their agents. In words, for people; evidence of death is another matter.
import type { Clock } from '../../lib/clock.ts'

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
  /** A host is heard of no more, or again. */
  readonly onChange: (node: string) => void
  /** A lease, or a broken link, is believed so long. */
  readonly patienceMs?: number
}

const PATIENCE_MS = 15_000
const LOOK_MS = 1_000

interface Known {
  /** Monotonic milliseconds: since when it could not be reached by its link. */
  readonly lostAt: number | null
  readonly words: string | null
}

export class Health {
  readonly #deps: HealthDeps
  readonly #known = new Map<string, Known>()
  readonly #stopping = new AbortController()
  readonly #since: number
  #running: Promise<void> = Promise.resolve()

  constructor(deps: HealthDeps) {
    this.#deps = deps
    this.#since = deps.clock.monotonic()
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
      const now = this.#judge(node, before?.lostAt ?? null)
      this.#known.set(node, now)
      if ((before?.words ?? null) === null ? now.words !== null : now.words === null) onChange(node)
    }
  }

  #judge(node: string, lostBefore: number | null): Known {
    const { clock, signs, patienceMs = PATIENCE_MS } = this.#deps
    const now = clock.monotonic()
    const problem = signs.linkProblem(node)
    const lostAt = problem === null ? null : (lostBefore ?? now)
    const heardAt = signs.heardAt(node)
    const quiet = now - (heardAt ?? this.#since)
    // Who renews its lease is alive, and who can be read as well is heard; a host of which neither holds is not.
    const leaseWords =
      heardAt === null || quiet <= patienceMs
        ? null
        : `the host has not renewed its lease for ${seconds(quiet)}; what is shown is the last that it told`
    const linkWords =
      lostAt === null || now - lostAt <= patienceMs
        ? null
        : `the host's agent has not been reached for ${seconds(now - lostAt)} (${problem}); what is shown is the last that it told`
    return { lostAt, words: leaseWords ?? linkWords }
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

const seconds = (ms: number): string => `${Math.floor(ms / 1000)} s`
