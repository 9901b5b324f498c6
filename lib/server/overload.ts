// Whether a server keeps up: how busy its event loop is, and how long what people wait for waits for its turn. With hysteresis, so that
// a burst of work is no trouble and the end of one is believed only when it lasts.
import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import type { Clock } from '../clock.ts'

const EVERY_MS = 10_000
/** Share of the time in which the event loop had work: beyond it everything waits for everything else. */
const BUSY = 0.95
const CALM = 0.8
/** Milliseconds that the longest waiting key of a controller may wait. */
const LATE_MS = 30_000
const IN_TIME_MS = 10_000
/** Bad looks in a row that make an overload, and good ones that end it. */
const BAD_LOOKS = 3
const GOOD_LOOKS = 6

/** What is too much. */
export interface Overload {
  readonly reason: 'EventLoopBusy' | 'QueuesLate'
  readonly message: string
}

export interface LoadSample {
  /** From 0 to 1. */
  readonly busy: number
  /** The controller whose longest waiting key, routine aside, waits longest. */
  readonly queue: string
  readonly waitMs: number
}

/** Pure, but for the looks that it remembers. */
export class OverloadJudge {
  #bad = 0
  #good = 0
  #overload: Overload | null = null

  /** @returns what there is to say now: the same object for as long as an overload lasts */
  next(sample: LoadSample): Overload | null {
    const finding = find(sample)
    const calm = sample.busy < CALM && sample.waitMs < IN_TIME_MS
    this.#bad = finding === null ? 0 : this.#bad + 1
    this.#good = calm ? this.#good + 1 : 0
    if (this.#overload === null && this.#bad >= BAD_LOOKS) this.#overload = finding
    else if (this.#good >= GOOD_LOOKS) this.#overload = null
    return this.#overload
  }
}

function find({ busy, queue, waitMs }: LoadSample): Overload | null {
  if (waitMs > LATE_MS)
    return {
      reason: 'QueuesLate',
      message: `work for ${queue} waits longer than ${LATE_MS / 1000} s for its turn`,
    }
  if (busy <= BUSY) return null
  return {
    reason: 'EventLoopBusy',
    message: `the server is busy more than ${BUSY * 100} % of the time: answers and changes are late`,
  }
}

export interface OverloadDeps {
  readonly clock: Clock
  readonly log: { warn(facts: object, message: string): void; info(facts: object, message: string): void }
  readonly queues: () => Pick<LoadSample, 'queue' | 'waitMs'>
  /** An overload began or ended. Must not throw. */
  readonly onChange: () => void
}

export class OverloadWatch {
  readonly #deps: OverloadDeps
  readonly #judge = new OverloadJudge()
  readonly #stopping = new AbortController()
  #overload: Overload | null = null
  #running: Promise<void> = Promise.resolve()

  constructor(deps: OverloadDeps) {
    this.#deps = deps
  }

  /** What is too much now; null when nothing is. */
  overload(): Overload | null {
    return this.#overload
  }

  start(): void {
    this.#running = this.#watch()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the server is stopping'))
    await this.#running
  }

  async #watch(): Promise<void> {
    const { clock, queues } = this.#deps
    const { signal } = this.#stopping
    let before: EventLoopUtilization = performance.eventLoopUtilization()
    for (;;) {
      await clock.sleep(EVERY_MS, signal).catch(() => undefined)
      if (signal.aborted) return
      const now = performance.eventLoopUtilization()
      const { utilization } = performance.eventLoopUtilization(now, before)
      before = now
      this.#tell(this.#judge.next({ busy: utilization, ...queues() }))
    }
  }

  #tell(overload: Overload | null): void {
    if (overload === this.#overload) return
    const { log, onChange } = this.#deps
    if (overload === null) log.info({}, 'the overload is over')
    else log.warn({ reason: overload.reason }, `overload: ${overload.message}`)
    this.#overload = overload
    onChange()
  }
}
