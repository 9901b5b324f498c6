// How long a failing key waits: doubling from 50 ms to 30 s, with jitter so that keys that failed together do not return together.

export interface BackoffOptions {
  readonly firstMs: number
  readonly maxMs: number
  /** In [0, 1). */
  readonly random: () => number
}

const DEFAULTS: BackoffOptions = { firstMs: 50, maxMs: 30_000, random: () => Math.random() }

/** Failures in a row by key. */
export class Backoff {
  readonly #options: BackoffOptions
  readonly #failures = new Map<string, number>()

  constructor(options: Partial<BackoffOptions> = {}) {
    this.#options = { ...DEFAULTS, ...options }
  }

  /** Counts one more failure. @returns milliseconds to wait, between half of the step and all of it */
  next(key: string): number {
    const { firstMs, maxMs, random } = this.#options
    const failures = this.failures(key)
    this.#failures.set(key, failures + 1)
    const step = Math.min(maxMs, firstMs * 2 ** Math.min(failures, 32))
    return step * (0.5 + random() / 2)
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0
  }

  reset(key: string): void {
    this.#failures.delete(key)
  }
}
