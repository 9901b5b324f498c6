// How fast a download is: since its start, and over the last few seconds.
import type { Clock } from '../../lib/clock.ts'

/** Bytes per second. */
export interface Speed {
  readonly average: number
  /** Over the last seconds. */
  readonly current: number
}

const WINDOW_MS = 5_000
const SAMPLE_MS = 250

interface Sample {
  readonly at: number
  readonly bytes: number
}

export class SpeedMeter {
  readonly #clock: Clock
  #started = 0
  #ended: number | null = null
  #bytes = 0
  #samples: Sample[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  start(): void {
    this.#started = this.#clock.monotonic()
    this.#ended = null
    this.#bytes = 0
    this.#samples = [{ at: this.#started, bytes: 0 }]
  }

  /** @param bytes so far, in all */
  at(bytes: number): void {
    if (bytes === this.#bytes) return
    this.#bytes = bytes
    const now = this.#clock.monotonic()
    this.#ended = now
    if (now - (this.#samples.at(-1)?.at ?? 0) < SAMPLE_MS) return
    this.#samples = [...this.#samples.filter((sample) => now - sample.at <= WINDOW_MS), { at: now, bytes }]
  }

  stop(): void {
    this.#samples = []
  }

  /** Bytes per second. The average ends with the last byte; the current is 0 when nothing came for a while. */
  speed(): Speed {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)]
    const now = this.#clock.monotonic()
    const stale = last === undefined || now - last.at > WINDOW_MS
    return {
      average: rate(this.#bytes, (this.#ended ?? now) - this.#started),
      current: stale || first === undefined ? 0 : rate(this.#bytes - first.bytes, now - first.at),
    }
  }
}

const rate = (bytes: number, ms: number): number => Math.round((bytes * 1000) / Math.max(ms, 1))
