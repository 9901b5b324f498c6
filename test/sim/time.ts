// Virtual time: moments in order, each run to its end before the next. Nothing here waits for real time.
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../lib/clock.ts'

/** Where virtual time begins, as people's clocks have it. */
export const EPOCH = Date.parse('2026-01-01T00:00:00Z')
/** Turns of the event loop without a sign of life after which everybody waits for time to pass. A commit of the store takes one. */
const QUIET_TURNS = 6
/** Turns that one moment may take: beyond it, somebody is busy for ever at one instant of virtual time. */
const MAX_TURNS = 20_000_000

interface Moment {
  readonly at: number
  /** Moments at the same time come in the order in which they were asked for. */
  readonly order: number
  readonly run: () => void
}

/** Cancels what was asked for; later is fine. */
export type Cancel = () => void

const before = (one: Moment, other: Moment): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order)

export class Timeline {
  #now = 0
  #asked = 0
  /** A binary heap, the next moment first. */
  readonly #heap: Moment[] = []
  readonly #cancelled = new WeakSet<Moment>()
  #signs = 0
  #holds = 0

  /** Virtual milliseconds since the beginning. */
  get now(): number {
    return this.#now
  }

  /** Runs `run` after `ms` of virtual time. */
  after(ms: number, run: () => void): Cancel {
    // Whole milliseconds, as clocks of the wall tell them.
    const moment = { at: this.#now + Math.max(0, Math.ceil(ms)), order: this.#asked++, run }
    this.#push(moment)
    this.alive()
    return () => this.#cancelled.add(moment)
  }

  /** Runs `run` at a moment of virtual time; at once when that is over. */
  at(ms: number, run: () => void): Cancel {
    return this.after(ms - this.#now, run)
  }

  /** A sign of life: somebody does something at this moment, so that the next one must wait. */
  alive(): void {
    this.#signs += 1
  }

  /** Virtual time stands still until the real work, on real files, is done. */
  async hold<T>(work: Promise<T>): Promise<T> {
    this.#holds += 1
    try {
      return await work
    } finally {
      this.#holds -= 1
      this.alive()
    }
  }

  /** Lets virtual time pass up to `end`, moment by moment. `looking` is called after each, when everybody waits. */
  async runUntil(end: number, looking: () => void, maxTurns = MAX_TURNS): Promise<void> {
    await this.#settle(maxTurns)
    looking()
    for (let next = this.#peek(); next !== undefined && next.at <= end; next = this.#peek()) {
      this.#pop()
      this.#now = Math.max(this.#now, next.at)
      next.run()
      await this.#settle(maxTurns)
      looking()
    }
    this.#now = end
  }

  /** Until everybody waits for virtual time. */
  async #settle(maxTurns: number): Promise<void> {
    let quiet = 0
    for (let turns = 0; quiet < QUIET_TURNS || this.#holds > 0; turns++) {
      if (turns > maxTurns) throw new Error(`no rest at ${this.#now} ms: somebody is busy without end`)
      const signs = this.#signs
      await turn()
      quiet = this.#signs === signs ? quiet + 1 : 0
    }
  }

  #peek(): Moment | undefined {
    while (this.#heap[0] !== undefined && this.#cancelled.has(this.#heap[0])) this.#pop()
    return this.#heap[0]
  }

  #push(moment: Moment): void {
    const heap = this.#heap
    let place = heap.push(moment) - 1
    while (place > 0) {
      const parent = (place - 1) >> 1
      const above = heap[parent]
      if (above === undefined || before(above, moment)) break
      heap[place] = above
      place = parent
    }
    heap[place] = moment
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let place = 0
    for (;;) {
      const left = heap[2 * place + 1]
      const right = heap[2 * place + 2]
      const child = right !== undefined && left !== undefined && before(right, left) ? right : left
      if (child === undefined || before(last, child)) break
      heap[place] = child
      place = child === left ? 2 * place + 1 : 2 * place + 2
    }
    heap[place] = last
  }
}

/**
 * The time of one process: its machine's clocks, and whether it lives. A frozen one (SIGSTOP, a host that hangs) finds at its thaw that
 * time has passed; a dead one never wakes again. Simulated: real hosts have clocks that drift, here they jump.
 */
export class Life implements Clock {
  readonly #timeline: Timeline
  readonly #machine: MachineClock
  #state: 'live' | 'frozen' | 'dead' = 'live'
  #held: (() => void)[] = []

  constructor(timeline: Timeline, machine: MachineClock) {
    this.#timeline = timeline
    this.#machine = machine
  }

  get alive(): boolean {
    return this.#state !== 'dead'
  }

  get frozen(): boolean {
    return this.#state === 'frozen'
  }

  now = (): number => this.#machine.wall()

  monotonic = (): number => this.#machine.boottime()

  sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = () => {
        cancel()
        this.#timeline.alive()
        reject(signal?.reason)
      }
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    })

  /** Runs `run` after `ms`, if it lives then; at its thaw when it is frozen. */
  after(ms: number, run: () => void): Cancel {
    let cancelled = false
    const cancel = this.#timeline.after(ms, () =>
      this.whenAwake(() => {
        if (!cancelled) run()
      }),
    )
    return () => {
      cancelled = true
      cancel()
    }
  }

  /** Runs it now, at the thaw, or never. */
  whenAwake(run: () => void): void {
    if (this.#state === 'live') run()
    else if (this.#state === 'frozen') this.#held.push(run)
  }

  freeze(): void {
    if (this.#state === 'live') this.#state = 'frozen'
  }

  thaw(): void {
    if (this.#state !== 'frozen') return
    this.#state = 'live'
    const held = this.#held
    this.#held = []
    for (const run of held) this.#timeline.after(0, () => this.whenAwake(run))
  }

  end(): void {
    this.#state = 'dead'
    this.#held = []
  }
}

/** The clocks of one machine: people's time, which somebody may set, and the time since it was started, which only goes on. */
export class MachineClock {
  readonly #timeline: Timeline
  #offset = 0
  #started: number

  constructor(timeline: Timeline) {
    this.#timeline = timeline
    this.#started = timeline.now
  }

  wall(): number {
    return EPOCH + this.#timeline.now + this.#offset
  }

  /** CLOCK_BOOTTIME, milliseconds. */
  boottime(): number {
    return this.#timeline.now - this.#started
  }

  jump(ms: number): void {
    this.#offset += ms
  }

  reboot(): void {
    this.#started = this.#timeline.now
  }
}
