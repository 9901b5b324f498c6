// One at a time within this process.

/** Runs functions one after the other, in the order of the calls. A fault of one does not stop the next. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve()

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => {})
    return result
  }
}
