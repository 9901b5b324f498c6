// A clock that moves when told.

import type { Clock } from '../../../../lib/libvirt/clock.ts'

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

export class ManualClock implements Clock {
  #now = 0
  readonly #sleepers = new Set<Sleeper>()

  monotonic(): number {
    return this.#now
  }

  /** How many wait; falls when they are cancelled. */
  get waiting(): number {
    return this.#sleepers.size
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = () => {
        this.#sleepers.delete(sleeper)
        reject(signal?.reason)
      }
      const sleeper: Sleeper = {
        at: this.#now + ms,
        wake: () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** Moves on, waking sleepers in order; between two of them pending promises run. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      await turn()
      const next = [...this.#sleepers].filter((one) => one.at <= end).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#now = Math.max(this.#now, next.at)
      this.#sleepers.delete(next)
      next.wake()
    }
    this.#now = end
    await turn()
  }
}

/** One turn of the event loop: promises and sockets get on. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Waits until the condition holds; the test's own timeout ends a condition that never does. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn()
}
