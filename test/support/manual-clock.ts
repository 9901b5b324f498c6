// A clock that stands still until a test moves it.
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../lib/clock.ts'

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

export class ManualClock implements Clock {
  #now: number
  readonly #started: number
  readonly #sleepers = new Set<Sleeper>()

  constructor(now = Date.parse('2026-01-01T00:00:00Z')) {
    this.#now = now
    this.#started = now
  }

  now = (): number => this.#now

  monotonic = (): number => this.#now - this.#started

  sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = () => {
        this.#sleepers.delete(sleeper)
        reject(signal?.reason)
      }
      const sleeper = {
        at: this.#now + ms,
        wake: () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#sleepers.add(sleeper)
    })

  /** Waits under way. */
  get sleeping(): number {
    return this.#sleepers.size
  }

  /** Moves time; sleepers wake in order, and what they start runs before the next of them. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await settle()
    for (;;) {
      const next = [...this.#sleepers].sort((a, b) => a.at - b.at)[0]
      if (next === undefined || next.at > end) break
      this.#sleepers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.wake()
      await settle()
    }
    this.#now = end
    await settle()
  }
}

/** Lets everything that is ready run: a few turns of the event loop, as store commits take one each. */
export async function settle(turns = 6): Promise<void> {
  for (let i = 0; i < turns; i++) await turn()
}
