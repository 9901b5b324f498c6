// A token bucket per key: so much at once, so much over time, in bounded memory.
import type { Clock } from './clock.ts'

export interface RateLimitOptions {
  readonly clock: Clock
  /** Taken at once at most. */
  readonly burst: number
  /** Milliseconds after which one more can be taken. */
  readonly refillMs: number
  /** Keys remembered at most; the one longest unused is forgotten (and starts with a full bucket). */
  readonly maxKeys?: number
}

const MAX_KEYS = 4_096

interface Bucket {
  readonly tokens: number
  /** Monotonic milliseconds. */
  readonly at: number
}

export class RateLimit {
  readonly #options: RateLimitOptions
  /** Least recently used first. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(options: RateLimitOptions) {
    this.#options = options
  }

  /** Takes one token of `key`'s bucket. @returns false when it is empty */
  take(key: string): boolean {
    const { maxKeys = MAX_KEYS } = this.#options
    const { tokens, at } = this.#now(key)
    const allowed = tokens >= 1
    this.#buckets.delete(key)
    this.#buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, at })
    if (this.#buckets.size > maxKeys) {
      const [oldest] = this.#buckets.keys()
      if (oldest !== undefined) this.#buckets.delete(oldest)
    }
    return allowed
  }

  /** Milliseconds until `key` can take again; 0 when it can now. */
  waitMs(key: string): number {
    return Math.max(0, (1 - this.#now(key).tokens) * this.#options.refillMs)
  }

  #now(key: string): Bucket {
    const { clock, burst, refillMs } = this.#options
    const at = clock.monotonic()
    const bucket = this.#buckets.get(key)
    if (bucket === undefined) return { tokens: burst, at }
    return { tokens: Math.min(burst, bucket.tokens + (at - bucket.at) / refillMs), at }
  }
}
