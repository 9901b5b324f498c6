// An end for what takes too long, by one timer for all that is under way: most of it is over long before, and a timer for each would cost more.
import type { Clock } from '../../lib/clock.ts'

interface Due {
  /** Monotonic milliseconds. */
  readonly at: number
  readonly late: () => void
}

export class Deadlines {
  readonly #clock: Clock
  readonly #ms: number
  /** All have the same time, so the one that began first is due first. */
  readonly #open = new Set<Due>()
  #isWatching = false

  constructor(clock: Clock, ms: number) {
    this.#clock = clock
    this.#ms = ms
  }

  /** Calls `late` after the time, unless what is returned is called before. */
  begin(late: () => void): () => void {
    const due = { at: this.#clock.monotonic() + this.#ms, late }
    this.#open.add(due)
    if (!this.#isWatching) void this.#watch()
    return () => void this.#open.delete(due)
  }

  async #watch(): Promise<void> {
    this.#isWatching = true
    for (let [first] = this.#open; first !== undefined; [first] = this.#open) {
      const left = first.at - this.#clock.monotonic()
      if (left > 0) {
        await this.#clock.sleep(left)
        continue
      }
      this.#open.delete(first)
      first.late()
    }
    this.#isWatching = false
  }
}
