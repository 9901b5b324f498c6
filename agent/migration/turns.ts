// One thing at a time with each machine, in the order of asking.
import { Mutex } from '../storage/mutex.ts'

export class Turns {
  readonly #turns = new Map<string, { readonly mutex: Mutex; waiting: number }>()

  /** Something is under way with it, or waits for its turn. */
  isBusy(uid: string): boolean {
    return this.#turns.has(uid)
  }

  async run<T>(uid: string, work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.get(uid) ?? { mutex: new Mutex(), waiting: 0 }
    this.#turns.set(uid, turn)
    turn.waiting++
    try {
      return await turn.mutex.run(work)
    } finally {
      turn.waiting--
      if (turn.waiting === 0) this.#turns.delete(uid)
    }
  }
}
