// How many events one object may cause: a bucket per object, as Kubernetes' event spam filter has.
import type { Clock } from '../clock.ts'

/** Events at once, and one more each {@link REFILL_MS}. */
const BURST = 25
const REFILL_MS = 30_000
/** Objects remembered at most; the one longest unused is forgotten (and starts with a full bucket). */
const MAX_OBJECTS = 4_096

interface Bucket {
  readonly tokens: number
  /** Monotonic milliseconds. */
  readonly at: number
}

export class RateLimit {
  readonly #clock: Clock
  /** Least recently used first. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes one token of `id`'s bucket. @returns false when it is empty */
  take(id: string): boolean {
    const at = this.#clock.monotonic()
    const bucket = this.#buckets.get(id) ?? { tokens: BURST, at }
    const tokens = Math.min(BURST, bucket.tokens + (at - bucket.at) / REFILL_MS)
    const allowed = tokens >= 1
    this.#buckets.delete(id)
    this.#buckets.set(id, { tokens: allowed ? tokens - 1 : tokens, at })
    if (this.#buckets.size > MAX_OBJECTS) {
      const [oldest] = this.#buckets.keys()
      if (oldest !== undefined) this.#buckets.delete(oldest)
    }
    return allowed
  }
}
