// One connection that is opened ahead of its use, so that nobody waits for it then.
import { after, type Clock } from './clock.ts'
import type { Dedicated } from './dedicated.ts'

/** Unused for so long it is closed. */
const KEEP_MS = 10_000

export class Spare {
  readonly #open: () => Promise<Dedicated>
  readonly #clock: Clock
  #isOpening = false
  #held: { readonly connection: Dedicated; readonly cancelEnd: () => void } | null = null

  constructor(open: () => Promise<Dedicated>, clock: Clock) {
    this.#open = open
    this.#clock = clock
  }

  /** Opens one if there is none. When that fails nobody is told: who needs a connection opens it, and hears why it cannot be. */
  warm(): void {
    if (this.#isOpening || this.#held !== null) return
    this.#isOpening = true
    this.#open()
      .then(
        (connection) => this.#hold(connection),
        () => undefined,
      )
      .finally(() => {
        this.#isOpening = false
      })
  }

  /** The open one, which is the caller's from now on; null: there is none yet, or no more. */
  take(): Dedicated | null {
    const held = this.#held
    this.#held = null
    held?.cancelEnd()
    return held?.connection ?? null
  }

  #hold(connection: Dedicated): void {
    const drop = () => {
      if (this.#held?.connection === connection) this.take()
    }
    const close = () => {
      drop()
      void connection.close()
    }
    this.#held = { connection, cancelEnd: after(this.#clock, KEEP_MS, close) }
    void connection.ended.then(drop)
  }
}
