// Waits until everybody has been heard once, or a while has passed: then what they said can be put in an order.
import type { Clock } from '../lib/clock.ts'

export interface RollCallOptions {
  readonly clock: Clock
  readonly keys: Iterable<string>
  /** One that says nothing must not hold up the others. */
  readonly patienceMs: number
  /** Called once at most. Must not throw. */
  readonly onComplete: () => void
}

export class RollCall {
  readonly #options: RollCallOptions
  readonly #missing: Set<string>
  #complete = false

  constructor(options: RollCallOptions) {
    this.#options = options
    this.#missing = new Set(options.keys)
  }

  /** From now on patience runs; the signal ends it without a call. */
  start(signal: AbortSignal): void {
    if (this.#missing.size === 0) this.#end()
    this.#options.clock.sleep(this.#options.patienceMs, signal).then(
      () => this.#end(),
      () => undefined,
    )
  }

  heard(key: string): void {
    if (this.#missing.delete(key) && this.#missing.size === 0) this.#end()
  }

  #end(): void {
    if (this.#complete) return
    this.#complete = true
    this.#missing.clear()
    this.#options.onComplete()
  }
}
