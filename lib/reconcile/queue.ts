// The queue of a controller. INVARIANTS: a key is in work at most once at a time; a key added while it waits is not added
// twice; a key added while it is in work comes again after it. What somebody waits for goes before routine, which still gets one turn
// of ROUTINE_SHARE; within each, namespaces take turns, and the keys of one come in the order in which they became ready.
import type { Clock } from '../clock.ts'
import { FairLine } from '../fair-line.ts'
import { fromKey } from '../object.ts'

/** `wanted`: somebody's change, an event, a retry; `routine`: a look whether all is still as it should be. */
export type Urgency = 'wanted' | 'routine'

/** While both wait, one of so many turns is for routine. */
const ROUTINE_SHARE = 8

interface Delay {
  /** Monotonic milliseconds. */
  readonly at: number
  readonly cancel: AbortController
}

/** Who waits for a key. */
interface Taker {
  readonly signal: AbortSignal
  readonly resolve: (key: string) => void
  readonly reject: (reason: unknown) => void
}

export class KeyedQueue {
  readonly #clock: Clock
  /** Since when, in monotonic milliseconds, by key. */
  readonly #ready = new Map<string, number>()
  readonly #wanted = new FairLine()
  readonly #routine = new FairLine()
  #turn = 0
  readonly #inWork = new Set<string>()
  /** Added while in work: ready as soon as that ends. */
  readonly #repeat = new Map<string, Urgency>()
  readonly #delayed = new Map<string, Delay>()
  readonly #takers = new Set<Taker>()
  readonly #heard = new WeakSet<AbortSignal>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Keys that are ready and wait for a worker. */
  get depth(): number {
    return this.#ready.size
  }

  /** Milliseconds that the key which waits longest has been ready; 0 when none is. */
  get oldestMs(): number {
    for (const since of this.#ready.values()) return this.#clock.monotonic() - since
    return 0
  }

  /** As {@link oldestMs}, of wanted keys only: routine may take its time. */
  get wantedOldestMs(): number {
    for (const [key, since] of this.#ready) if (this.#wanted.has(key)) return this.#clock.monotonic() - since
    return 0
  }

  /** Asks for a pass of `key` after `afterMs`. Of several delays the earliest counts; a key that is ready stays so, and may become wanted. */
  add(key: string, afterMs = 0, urgency: Urgency = 'wanted'): void {
    if (this.#ready.has(key) || this.#repeat.has(key)) {
      if (urgency === 'wanted' && afterMs <= 0) this.#promote(key)
      return
    }
    const at = this.#clock.monotonic() + afterMs
    const delay = this.#delayed.get(key)
    if (delay !== undefined && delay.at <= at) return
    delay?.cancel.abort()
    this.#delayed.delete(key)
    if (afterMs <= 0) this.#makeReady(key, urgency)
    else this.#delay(key, at, afterMs)
  }

  /** The next key, as soon as there is one; it is in work until {@link done}. Rejects with the signal's reason. */
  take(signal: AbortSignal): Promise<string> {
    if (signal.aborted) return Promise.reject(signal.reason)
    const key = this.#next()
    if (key !== undefined) {
      this.#begin(key)
      return Promise.resolve(key)
    }
    this.#hear(signal)
    return new Promise((resolve, reject) => void this.#takers.add({ signal, resolve, reject }))
  }

  /** One listener for all who wait with this signal, as long as it lasts: they come and go with each key. */
  #hear(signal: AbortSignal): void {
    if (this.#heard.has(signal)) return
    this.#heard.add(signal)
    const refuse = () => {
      for (const taker of this.#takers) {
        if (taker.signal !== signal) continue
        this.#takers.delete(taker)
        taker.reject(signal.reason)
      }
    }
    signal.addEventListener('abort', refuse, { once: true })
  }

  /** Ends the work on a key that {@link take} gave. */
  done(key: string): void {
    this.#inWork.delete(key)
    const repeat = this.#repeat.get(key)
    this.#repeat.delete(key)
    if (repeat !== undefined) this.#makeReady(key, repeat)
  }

  /** What was asked of a key in work up to now needs no pass of its own: the present one begins to look only now. */
  covered(key: string): void {
    this.#repeat.delete(key)
  }

  /** Forgets everything that is not in work. */
  clear(): void {
    for (const { cancel } of this.#delayed.values()) cancel.abort()
    this.#delayed.clear()
    this.#ready.clear()
    this.#wanted.clear()
    this.#routine.clear()
    this.#repeat.clear()
  }

  #delay(key: string, at: number, afterMs: number): void {
    const cancel = new AbortController()
    this.#delayed.set(key, { at, cancel })
    const ripen = () => {
      if (this.#delayed.get(key)?.cancel !== cancel) return
      this.#delayed.delete(key)
      this.#makeReady(key, 'wanted')
    }
    this.#clock.sleep(afterMs, cancel.signal).then(ripen, () => undefined)
  }

  #makeReady(key: string, urgency: Urgency): void {
    if (this.#inWork.has(key)) this.#repeat.set(key, urgency)
    else {
      this.#ready.set(key, this.#clock.monotonic())
      const line = urgency === 'wanted' ? this.#wanted : this.#routine
      line.add(key, fromKey(key).namespace)
    }
    this.#match()
  }

  #promote(key: string): void {
    if (this.#repeat.has(key)) this.#repeat.set(key, 'wanted')
    if (this.#routine.delete(key)) this.#wanted.add(key, fromKey(key).namespace)
  }

  #match(): void {
    for (const taker of this.#takers) {
      const key = this.#next()
      if (key === undefined) return
      this.#takers.delete(taker)
      this.#begin(key)
      taker.resolve(key)
    }
  }

  #begin(key: string): void {
    this.#ready.delete(key)
    this.#inWork.add(key)
  }

  #next(): string | undefined {
    if (this.#routine.size > 0 && this.#wanted.size > 0) {
      this.#turn = (this.#turn + 1) % ROUTINE_SHARE
      if (this.#turn === 0) return this.#routine.take()
    }
    return this.#wanted.take() ?? this.#routine.take()
  }
}
