// First words to hosts, of which nobody knows whether they answer. So many handshakes at a time, as of a thousand at once none might end in
// time; but a host that says nothing costs nothing, so it is waited for without holding up the next one.
import type { Clock } from '../../lib/clock.ts'
import { Semaphore } from '../../lib/semaphore.ts'

export interface KnocksOptions {
  readonly clock: Pick<Clock, 'sleep'>
  /** At the same time, of those that are not known as silent yet. */
  readonly parallel?: number
  /** A host that has not answered by then lets the next one have its turn. */
  readonly patienceMs?: number
}

const PARALLEL = 64
/** A handshake takes some milliseconds, on a busy host some tens. */
const PATIENCE_MS = 250

export class Knocks {
  readonly #clock: Pick<Clock, 'sleep'>
  readonly #turns: Semaphore
  readonly #patienceMs: number

  constructor({ clock, parallel = PARALLEL, patienceMs = PATIENCE_MS }: KnocksOptions) {
    this.#clock = clock
    this.#turns = new Semaphore(parallel)
    this.#patienceMs = patienceMs
  }

  /** What the host answers. @throws what `knock` throws, or the signal's reason */
  async at<T>(knock: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const end = await this.#turns.take(signal)
    const answered = new AbortController()
    void this.#clock.sleep(this.#patienceMs, answered.signal).then(end, () => undefined)
    try {
      return await knock()
    } finally {
      answered.abort()
      end()
    }
  }
}
