// Whether somebody waits to be let in: hosts that come back ask for their leases, and go before what the scheduler wants to know of them.
import type { Clock } from '../../lib/clock.ts'

/** Nobody is kept waiting longer by others who come all the time. */
const PATIENCE_MS = 2_000

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export class Door {
  readonly #clock: Pick<Clock, 'monotonic'>
  #came = 0

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** A connection has been taken. */
  readonly opened = (): void => {
    this.#came += 1
  }

  /**
   * Resolves when nobody waits, or after two seconds. libuv takes one connection of a listener in each turn of the event loop: a turn in which
   * none came had none to take. Turns are short as long as nothing else is begun, and many may come in a second. Rejects with the
   * signal's reason.
   */
  async quiet(signal: AbortSignal): Promise<void> {
    const until = this.#clock.monotonic() + PATIENCE_MS
    for (let before = -1; before !== this.#came && this.#clock.monotonic() < until; ) {
      before = this.#came
      // What was under way in this turn, and then a whole one.
      await turn()
      await turn()
      signal.throwIfAborted()
    }
  }
}
