// So many at a time, in the order in which they came.

export class Semaphore {
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor(parallel: number) {
    this.#free = parallel
  }

  /** @returns what ends the turn. Rejects with the signal's reason. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#free > 0) this.#free -= 1
    else await this.#wait(signal)
    let over = false
    return () => {
      if (over) return
      over = true
      const [next] = this.#waiting
      if (next === undefined) this.#free += 1
      else next()
    }
  }

  /** The turn is handed over by whoever ends one: nobody slips in between. */
  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.delete(turn)
        reject(signal.reason)
      }
      const turn = () => {
        this.#waiting.delete(turn)
        signal.removeEventListener('abort', onAbort)
        resolve()
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.add(turn)
    })
  }
}
