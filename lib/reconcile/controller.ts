// Runs a reconciler: workers over the keyed queue, retries with backoff, limits in time, resync, numbers for metrics.
import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { Backoff } from './backoff.ts'
import { type ReconcileLog, withFacts } from './log.ts'
import { KeyedQueue } from './queue.ts'
import { type Outcome, type Reconciler, TerminalError } from './types.ts'

/** What became of one pass. `stopped`: it ended early because the controller was stopped. */
export type PassResult =
  | Outcome
  | { readonly kind: 'error'; readonly error: unknown; readonly retryInMs: number }
  | { readonly kind: 'terminal'; readonly error: TerminalError }
  | { readonly kind: 'stopped' }

export type PassCounts = Readonly<Record<PassResult['kind'], number>>

/** Hears of controllers and their passes, for metrics. Must not throw. */
export interface ControllerObserver {
  started(controller: Controller): void
  stopped(controller: Controller): void
  passed(controller: Controller, result: PassResult['kind'], ms: number): void
}

export interface ControllerOptions {
  readonly name: string
  readonly reconciler: Reconciler
  readonly clock: Clock
  readonly log: ReconcileLog
  /** Keys in work at the same time. Default 1. */
  readonly concurrency?: number
  /** Its passes do not listen to the signal that they get, so none is made for each. */
  readonly isDeaf?: boolean
  /** A pass is aborted after this time; its key stays taken until it really ends. Default 5 minutes. */
  readonly passTimeoutMs?: number
  /** Every key that there is: each gets a pass at start, and then once in each `resyncMs`. Without it there is neither. */
  readonly keys?: () => Iterable<string>
  /** Default 10 minutes. */
  readonly resyncMs?: number
  readonly backoff?: Backoff
  /** Called after each pass. Must not throw. */
  readonly onOutcome?: (key: string, result: PassResult) => void
  readonly observer?: ControllerObserver
}

interface Pass {
  /** Monotonic milliseconds. */
  readonly began: number
  /** For the log. */
  readonly facts: object
  /** Null: it would not listen. */
  readonly abort: AbortController | null
  isOverdue: boolean
}

const PASS_TIMEOUT_MS = 300_000
const RESYNC_MS = 600_000
/** Resyncs of single keys are gathered so that they wake the process no more often than this. */
const RESYNC_STEP_MS = 2_000
const STOP_TIMEOUT_MS = 10_000
const NEVER = new AbortController().signal

export class Controller {
  readonly name: string
  readonly #options: ControllerOptions
  readonly #queue: KeyedQueue
  readonly #backoff: Backoff
  readonly #stopping = new AbortController()
  /** Those under way, the one that began first in front. */
  readonly #passes = new Set<Pass>()
  #isWatching = false
  readonly #counts: Record<PassResult['kind'], number> = { done: 0, again: 0, error: 0, terminal: 0, stopped: 0 }
  #workers: readonly Promise<void>[] = []

  constructor(options: ControllerOptions) {
    this.name = options.name
    this.#options = options
    this.#queue = new KeyedQueue(options.clock)
    this.#backoff = options.backoff ?? new Backoff()
    // Every worker and every wait listens to it.
    setMaxListeners(0, this.#stopping.signal)
  }

  /** Asks for a pass. Keys may be added before {@link start}; after {@link stop} they are dropped. */
  enqueue(key: string, afterMs = 0): void {
    if (!this.#stopping.signal.aborted) this.#queue.add(key, afterMs)
  }

  /** Asks for a pass of every key, as after a reconnect. What somebody waits for goes before them. */
  resync(): void {
    for (const key of this.#options.keys?.() ?? []) this.#routine(key)
  }

  #routine(key: string): void {
    if (!this.#stopping.signal.aborted) this.#queue.add(key, 0, 'routine')
  }

  /** Starts the workers, once. */
  start(): void {
    if (this.#workers.length > 0) throw new Error(`controller ${this.name} was started already`)
    const { concurrency = 1, keys } = this.#options
    this.resync()
    this.#workers = Array.from({ length: concurrency }, () => this.#work())
    if (keys !== undefined) this.#workers = [...this.#workers, this.#resyncLoop()]
    this.#options.observer?.started(this)
  }

  /**
   * Aborts the running passes and waits for them.
   * @returns false when some had not ended after `timeoutMs`
   */
  async stop(timeoutMs = STOP_TIMEOUT_MS): Promise<boolean> {
    const { clock, log } = this.#options
    const reason = new Error(`controller ${this.name} is stopping`)
    this.#stopping.abort(reason)
    this.#queue.clear()
    for (const { abort } of this.#passes) abort?.abort(reason)
    const waiting = new AbortController()
    const ended = await Promise.race([
      Promise.all(this.#workers).then(() => true),
      clock.sleep(timeoutMs, waiting.signal).then(
        () => false,
        () => true,
      ),
    ])
    waiting.abort()
    if (!ended) log.error({ controller: this.name, passes: this.#passes.size }, 'passes did not end when told to')
    this.#options.observer?.stopped(this)
    return ended
  }

  /** Passes by result since the start. */
  counts(): PassCounts {
    return { ...this.#counts }
  }

  /** Keys that wait for a worker. */
  get depth(): number {
    return this.#queue.depth
  }

  /** Milliseconds that the key which waits longest for a worker has been ready; 0 when none is. */
  get oldestMs(): number {
    return this.#queue.oldestMs
  }

  /** As {@link oldestMs}, of keys that somebody waits for: not those of a resync. */
  get wantedOldestMs(): number {
    return this.#queue.wantedOldestMs
  }

  /** Passes under way, and the milliseconds since the longest of them began. */
  get running(): { readonly passes: number; readonly oldestMs: number } {
    const [first] = this.#passes
    const oldestMs = first === undefined ? 0 : this.#options.clock.monotonic() - first.began
    return { passes: this.#passes.size, oldestMs }
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const key = await this.#queue.take(signal).catch(() => null)
      if (key === null) return
      const began = this.#options.clock.monotonic()
      const result = await this.#pass(key)
      this.#queue.done(key)
      this.#counts[result.kind] += 1
      this.#options.observer?.passed(this, result.kind, this.#options.clock.monotonic() - began)
      this.#options.onOutcome?.(key, result)
      // A pass with nothing to do may wait for nothing: thousands of them in one turn of the event loop would keep all others out.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Every key once in each period, spread over it: hundreds of looks at one moment would be felt by all who wait then. */
  async #resyncLoop(): Promise<void> {
    const { clock, resyncMs = RESYNC_MS, keys } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const all = [...(keys?.() ?? [])]
      const steps = Math.max(1, Math.min(all.length, Math.floor(resyncMs / RESYNC_STEP_MS)))
      for (let step = 0; step < steps && !signal.aborted; step++) {
        await clock.sleep(resyncMs / steps, signal).catch(() => undefined)
        const share = (of: number) => Math.floor((all.length * of) / steps)
        for (const key of all.slice(share(step), share(step + 1))) this.#routine(key)
      }
    }
  }

  async #pass(key: string): Promise<PassResult> {
    const { reconciler, clock, log, isDeaf = false } = this.#options
    const facts = { controller: this.name, key, reconcileId: randomUUID() }
    const abort = isDeaf ? null : new AbortController()
    const pass: Pass = { began: clock.monotonic(), facts, abort, isOverdue: false }
    this.#passes.add(pass)
    if (!this.#isWatching) void this.#watch()
    try {
      const outcome = await reconciler.reconcile(key, abort?.signal ?? NEVER, {
        looking: () => this.#queue.covered(key),
        // Few passes log anything.
        get log() {
          return withFacts(log, facts)
        },
      })
      return this.#succeeded(key, outcome, { ...facts, ms: Math.round(clock.monotonic() - pass.began) })
    } catch (error) {
      return this.#failed(key, error, { ...facts, ms: Math.round(clock.monotonic() - pass.began) })
    } finally {
      this.#passes.delete(pass)
    }
  }

  /** Aborts passes that take too long. One timer for all: a pass is often shorter than it takes to make one. */
  async #watch(): Promise<void> {
    const { clock, log, passTimeoutMs = PASS_TIMEOUT_MS } = this.#options
    const { signal } = this.#stopping
    this.#isWatching = true
    while (!signal.aborted) {
      const pass = [...this.#passes].find(({ isOverdue }) => !isOverdue)
      if (pass === undefined) break
      const { began, facts, abort } = pass
      const left = began + passTimeoutMs - clock.monotonic()
      if (left > 0) {
        await clock.sleep(left, signal).catch(() => undefined)
        continue
      }
      log.warn({ ...facts, passTimeoutMs }, 'a pass takes too long and is aborted')
      pass.isOverdue = true
      abort?.abort(new Error(`the pass took longer than ${passTimeoutMs} ms`))
    }
    this.#isWatching = false
  }

  #succeeded(key: string, outcome: Outcome, facts: object): PassResult {
    this.#backoff.reset(key)
    if (outcome.kind === 'again') this.enqueue(key, outcome.afterMs)
    const { log } = this.#options
    if (outcome.kind === 'again')
      log.debug({ ...facts, afterMs: outcome.afterMs, why: outcome.why }, 'pass ended, waiting')
    else log.debug(facts, 'pass ended')
    return outcome
  }

  #failed(key: string, error: unknown, facts: object): PassResult {
    const { log } = this.#options
    if (this.#stopping.signal.aborted) {
      log.debug({ ...facts, err: error }, 'pass ended early: stopping')
      return { kind: 'stopped' }
    }
    if (error instanceof TerminalError) {
      this.#backoff.reset(key)
      log.warn({ ...facts, err: error }, `pass failed for good: ${messageOf(error)}`)
      return { kind: 'terminal', error }
    }
    const retryInMs = this.#backoff.next(key)
    log.warn(
      { ...facts, err: error, failures: this.#backoff.failures(key), retryInMs: Math.round(retryInMs) },
      `pass failed: ${messageOf(error)}`,
    )
    this.enqueue(key, retryInMs)
    return { kind: 'error', error, retryInMs }
  }
}
