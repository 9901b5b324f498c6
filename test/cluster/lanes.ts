// Scenarios that go side by side in one cluster. What must hold of the whole of it can be looked at only while all of them hold still.
interface Resting {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class Lanes {
  #going: number
  readonly #look: () => Promise<void>
  #resting: Resting[] = []

  /** @param look at the whole; rejects when it is not as it must be */
  constructor(count: number, look: () => Promise<void>) {
    this.#going = count
    this.#look = look
  }

  /** Resolves when the other lanes rest as well, or are over, and the look was good. */
  rest(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#resting.push({ resolve, reject })
      this.#lookWhenStill()
    })
  }

  /** This lane does nothing any more. */
  over(): void {
    this.#going--
    this.#lookWhenStill()
  }

  #lookWhenStill(): void {
    if (this.#resting.length === 0 || this.#resting.length < this.#going) return
    const all = this.#resting
    this.#resting = []
    this.#look().then(
      () => {
        for (const { resolve } of all) resolve()
      },
      (error: unknown) => {
        for (const { reject } of all) reject(error)
      },
    )
  }
}
