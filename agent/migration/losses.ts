// Post-copies whose source is gone: what has not come will not, and who waits for it is told.

/** The source has said that nothing more comes. */
export class Lost extends Error {
  override readonly name = 'Lost'

  constructor() {
    super('the QEMU of the source ended before all had come')
  }
}

export class Losses {
  readonly #waits = new Map<string, AbortController>()

  /**
   * What `finishing` comes to, unless the loss is told before: libvirt waits without end where its QEMU hangs for want of what is missing.
   * @throws Lost
   */
  async unlessLost<T>(id: string, finishing: Promise<T>): Promise<T> {
    const lost = new AbortController()
    this.#waits.set(id, lost)
    try {
      return await Promise.race([
        finishing,
        new Promise<never>((_, reject) => lost.signal.addEventListener('abort', () => reject(new Lost()))),
      ])
    } finally {
      this.#waits.delete(id)
    }
  }

  /** Nothing happens when nobody waits. */
  tell(id: string): void {
    this.#waits.get(id)?.abort()
  }
}
