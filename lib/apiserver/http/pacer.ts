// Work that comes in crowds, spread over turns of the event loop, so that others get theirs in between.

export class Pacer {
  readonly #perTurn: number
  readonly #waiting: (() => void)[] = []
  #left: number
  #turning = false

  /** @param perTurn how many go on in one turn */
  constructor(perTurn: number) {
    this.#perTurn = perTurn
    this.#left = perTurn
  }

  /** Resolves at once while few ask, in order, in a later turn when many do. */
  async next(): Promise<void> {
    if (!this.#turning) {
      this.#turning = true
      setImmediate(() => this.#turn())
    }
    if (this.#left > 0) {
      this.#left -= 1
      return
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #turn(): void {
    const now = this.#waiting.splice(0, this.#perTurn)
    this.#left = this.#perTurn - now.length
    for (const go of now) go()
    if (now.length > 0) setImmediate(() => this.#turn())
    else this.#turning = false
  }
}
