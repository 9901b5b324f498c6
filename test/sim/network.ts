// Who reaches whom, and how long a word takes. A call to a party that is away is refused at once, as by a kernel that has no such port;
// over a cut line, or from a party that is frozen, there is no answer until the caller's deadline.

import { UnreachableError } from '../../lib/client/errors.ts'
import type { Durations } from './durations.ts'
import type { Life, Timeline } from './time.ts'

/** One process that can call and be called. */
export interface Party {
  readonly name: string
  /** Of the process that has the name now; null while there is none. */
  life(): Life | null
}

/** As the real client's deadline of a write. */
const DEADLINE_MS = 10_000
const LATENCY_MS = { least: 1, most: 5 }

const line = (one: string, other: string): string => [one, other].toSorted().join(' ')

export class Network {
  readonly #timeline: Timeline
  readonly #random: Durations
  readonly #cut = new Set<string>()
  /** Milliseconds more that each word to or from a party takes. */
  readonly #slow = new Map<string, number>()
  readonly #mute = new Set<string>()
  readonly #listeners = new Set<() => void>()

  constructor(timeline: Timeline, random: Durations) {
    this.#timeline = timeline
    this.#random = random
  }

  reaches(one: string, other: string): boolean {
    return !this.#cut.has(line(one, other))
  }

  cut(one: string, other: string): void {
    this.#cut.add(line(one, other))
    this.#tell()
  }

  heal(one: string, other: string): void {
    this.#cut.delete(line(one, other))
    this.#tell()
  }

  /** Hears that a line was cut or healed. */
  onChange(hear: () => void): () => void {
    this.#listeners.add(hear)
    return () => this.#listeners.delete(hear)
  }

  #tell(): void {
    for (const hear of [...this.#listeners]) hear()
  }

  slow(name: string, ms: number): void {
    if (ms === 0) this.#slow.delete(name)
    else this.#slow.set(name, ms)
  }

  /** It takes what it is told and does it; its answers are lost. */
  mute(name: string, on: boolean): void {
    if (on) this.#mute.add(name)
    else this.#mute.delete(name)
  }

  answers(name: string): boolean {
    return !this.#mute.has(name)
  }

  latency(one: string, other: string): number {
    const { least, most } = LATENCY_MS
    return this.#random.between(least, most) + (this.#slow.get(one) ?? 0) + (this.#slow.get(other) ?? 0)
  }

  /**
   * Runs `work` at the other party and brings its answer.
   * @throws what `work` throws, and UnreachableError when there is nobody, no way or no answer
   */
  call<T>(from: Party, to: Party, work: () => T | Promise<T>, deadlineMs = DEADLINE_MS): Promise<T> {
    const caller = from.life()
    return new Promise((resolve, reject) => {
      if (caller === null) return
      let open = true
      const close = (end: () => void) =>
        caller.whenAwake(() => {
          if (!open) return
          open = false
          cancel()
          this.#timeline.alive()
          end()
        })
      const cancel = caller.after(deadlineMs, () => close(() => reject(unreachable(to.name, 'no answer in time'))))
      const answer = (end: () => void) => {
        if (!this.answers(to.name)) return
        this.#timeline.after(this.latency(to.name, from.name), () => {
          if (this.reaches(from.name, to.name)) close(end)
        })
      }
      this.#timeline.after(this.latency(from.name, to.name), () => {
        if (!this.reaches(from.name, to.name)) return
        const callee = to.life()
        if (callee === null) return answer(() => reject(unreachable(to.name, 'connection refused')))
        callee.whenAwake(() => {
          Promise.resolve()
            .then(work)
            .then(
              (value) => answer(() => resolve(value)),
              (error) => answer(() => reject(error)),
            )
        })
      })
    })
  }
}

const unreachable = (name: string, words: string): Error =>
  new UnreachableError(`https://${name}:8750`, new Error(words))
