// Machines that wait for a host. One that found none waits until something changes that could help it; a change helps all of them at once,
// so looks are gathered in rounds, and machines that ask for the same are judged once in a round. Of a group all are tried when one is. Room that
// came is offered to those that are more important first, also when only a new one is tried: what makes room for another must not take it again.
import type { Clock } from '../../../lib/clock.ts'

export interface PoolDeps {
  readonly clock: Clock
  /** Tries to place these, in any order. One that fails costs nothing but itself: whatever waits then is tried with the next change. */
  readonly round: (keys: readonly string[], signal: AbortSignal) => Promise<void>
  /** Hears of a round that failed. */
  readonly failed: (error: unknown) => void
}

/** A round begins no sooner than this after a change, so that changes that come together count once. */
const GATHER_MS = 50
/** After a round it rests for as long as it took, and so long at least; new machines do not wait for that. */
const REST_MS = 1_000

export class Pool {
  readonly #deps: PoolDeps
  /** To be tried. */
  readonly #fresh = new Set<string>()
  /** Tried in vain. */
  readonly #waiting = new Set<string>()
  /** By key, the group of each that has one. */
  readonly #groups = new Map<string, string>()
  readonly #priorities = new Map<string, number>()
  /** Groups that one has joined, left, or changed in: those of it that wait are to be tried. */
  readonly #changed = new Set<string>()
  readonly #stopping = new AbortController()
  #hope = false
  #wake: () => void = () => undefined
  #running: Promise<void> = Promise.resolve()

  constructor(deps: PoolDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#running = this.#loop()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the scheduler is stopping'))
    this.#wake()
    await this.#running
  }

  get size(): number {
    return this.#fresh.size + this.#waiting.size
  }

  /** It is to be placed, or has changed; with the group that it is placed with, and how important it is. */
  add(key: string, group: string | null, priority = 0): void {
    this.#leave(key)
    this.#waiting.delete(key)
    this.#fresh.add(key)
    this.#priorities.set(key, priority)
    if (group !== null) {
      this.#groups.set(key, group)
      this.#changed.add(group)
    }
    this.#wake()
  }

  /** It waits for no host any more. */
  remove(key: string): void {
    this.#fresh.delete(key)
    this.#waiting.delete(key)
    this.#priorities.delete(key)
    this.#leave(key)
  }

  #leave(key: string): void {
    const group = this.#groups.get(key)
    if (group === undefined) return
    this.#groups.delete(key)
    this.#changed.add(group)
    this.#wake()
  }

  /** It found none. */
  keep(key: string): void {
    if (!this.#fresh.has(key)) this.#waiting.add(key)
  }

  /** Something changed that may help those that wait. */
  hope(): void {
    if (this.#waiting.size === 0) return
    this.#hope = true
    this.#wake()
  }

  async #loop(): Promise<void> {
    const { clock, round, failed } = this.#deps
    const { signal } = this.#stopping
    let restUntil = 0
    while (!signal.aborted) {
      const now = clock.monotonic()
      const again = this.#hope && now >= restUntil
      if (this.#fresh.size === 0 && this.#changed.size === 0 && !again) {
        await this.#sleep(this.#hope ? restUntil - now : null)
        continue
      }
      await clock.sleep(GATHER_MS, signal).catch(() => undefined)
      if (signal.aborted) return
      const keys = [...this.#fresh, ...(again ? this.#waiting : this.#withFresh())]
      this.#fresh.clear()
      this.#changed.clear()
      if (again) {
        this.#waiting.clear()
        this.#hope = false
      }
      if (keys.length === 0) continue
      const began = clock.monotonic()
      await round(keys, signal).catch(failed)
      if (again) restUntil = clock.monotonic() + Math.max(REST_MS, clock.monotonic() - began)
    }
  }

  /** Those that wait and are tried with the new ones: of groups that changed, and while there is hope those that are more important than a new one. */
  #withFresh(): string[] {
    const priorityOf = (key: string) => this.#priorities.get(key) ?? 0
    let least = Number.POSITIVE_INFINITY
    if (this.#hope) for (const key of this.#fresh) least = Math.min(least, priorityOf(key))
    if (this.#changed.size === 0 && least === Number.POSITIVE_INFINITY) return []
    return [...this.#waiting].filter((key) => priorityOf(key) > least || this.#changed.has(this.#groups.get(key) ?? ''))
  }

  /** Until something comes, or so long. */
  async #sleep(ms: number | null): Promise<void> {
    const { clock } = this.#deps
    const over = new AbortController()
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    const both = AbortSignal.any([this.#stopping.signal, over.signal])
    const slept = ms === null ? [] : [clock.sleep(Math.max(1, ms), both).catch(() => undefined)]
    await Promise.race([woken, ...slept])
    over.abort()
    this.#wake = () => undefined
  }
}
