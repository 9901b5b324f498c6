// This host's lease with its scheduler: renewed every 5 s, counted on the host's own boot clock from the moment at which the question was
// sent, so that it never holds longer than the scheduler thinks. A lost lease stops nothing but what may be failed over.
import type { Clock } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import { type LeaseAnswer, type LeaseAsk, RENEW_EVERY_MS } from '../../schemas/index.ts'
import type { BootClock } from './boot-clock.ts'

/** Asks the scheduler. @throws ApiError, UnreachableError */
export type Renew = (ask: LeaseAsk, signal: AbortSignal) => Promise<LeaseAnswer>

/** How this host belongs to a cluster. */
export interface Membership {
  /** For people: `https://10.0.0.1:8751`. */
  readonly url: string
  readonly renew: Renew
}

export interface LeaseDeps {
  readonly clock: Clock
  readonly bootClock: BootClock
  readonly node: string
  readonly bootId: () => string
  /** Null while the host belongs to no cluster. */
  readonly membership: () => Membership | null
  /** What the scheduler shall say anew that it is this host's. */
  readonly machines: () => LeaseAsk['machines']
  readonly evidence: () => LeaseAsk['evidence']
  /** Running machines that the scheduler has no object of. */
  readonly others: () => LeaseAsk['others']
  /** What is asked may be known to the scheduler from now on. */
  readonly onAsk: (ask: LeaseAsk) => void
  /** What was asked is the last that the scheduler knows. */
  readonly onAnswer: (ask: LeaseAsk, answer: LeaseAnswer) => void
  /** Before each question. */
  readonly prepare: () => Promise<void>
  /** The highest term that this host obeys. */
  readonly term: () => number
  /** After each renewal, and when the lease ran out. */
  readonly onChange: (state: LeaseState) => void
}

/** `none`: the host belongs to no cluster. */
export interface LeaseState {
  readonly state: 'none' | 'held' | 'lost'
  /** Boot clock, ms: it holds until then. */
  readonly until: number
  /** In words, why it is not held; empty when it is. */
  readonly message: string
}

/** An answer that takes longer gives little. */
const ANSWER_MS = 4_000
const RETRY_MS = 1_000

export class LeaseKeeper {
  readonly #deps: LeaseDeps
  readonly #stopping = new AbortController()
  /** uid -> epoch that the scheduler confirmed while the lease has held without a gap. */
  readonly #confirmed = new Map<string, number>()
  #until = Number.NEGATIVE_INFINITY
  #problem = 'the scheduler was not asked yet'
  #running: Promise<void> | null = null
  #hurry: () => void = () => undefined

  constructor(deps: LeaseDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#running = this.#keep(this.#stopping.signal)
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the agent is stopping'))
    await this.#running
  }

  get state(): LeaseState {
    const membership = this.#deps.membership()
    if (membership === null) return { state: 'none', until: this.#until, message: 'this host belongs to no cluster' }
    if (this.holds()) return { state: 'held', until: this.#until, message: '' }
    return { state: 'lost', until: this.#until, message: `${membership.url}: ${this.#problem}` }
  }

  holds(): boolean {
    return this.#deps.bootClock() < this.#until
  }

  secondsLeft(): number {
    return Math.max(0, this.#until - this.#deps.bootClock()) / 1000
  }

  /** The scheduler said, in this lease, that the machine is this host's by that epoch. */
  confirmed(uid: string, epoch: number): boolean {
    return this.holds() && this.#confirmed.get(uid) === epoch
  }

  /** Asks at once: a machine waits for the scheduler's confirmation. */
  hurry(): void {
    this.#hurry()
  }

  async #keep(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps
    while (!signal.aborted) {
      const begun = clock.monotonic()
      const renewed = await this.#renew(signal)
      if (signal.aborted) return
      this.#deps.onChange(this.state)
      const pause = renewed ? RENEW_EVERY_MS - (clock.monotonic() - begun) : RETRY_MS
      await this.#pause(Math.max(0, pause), signal)
    }
  }

  async #renew(signal: AbortSignal): Promise<boolean> {
    const { membership, node, bootId, machines, evidence, others, bootClock, onAsk } = this.#deps
    const member = membership()
    if (member === null) {
      this.#until = Number.NEGATIVE_INFINITY
      return true
    }
    await this.#deps.prepare()
    const sentAt = bootClock()
    const ask: LeaseAsk = {
      node,
      bootId: bootId(),
      sentAt: Math.floor(sentAt),
      machines: machines(),
      evidence: evidence(),
      others: others(),
    }
    onAsk(ask)
    try {
      this.#take(ask, await member.renew(ask, AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)])), sentAt)
      return true
    } catch (error) {
      this.#problem = messageOf(error)
      return false
    }
  }

  #take(ask: LeaseAsk, answer: LeaseAnswer, sentAt: number): void {
    if (answer.term < this.#deps.term())
      throw new Error(`the scheduler ${answer.instance} (term ${answer.term}) is superseded: its lease counts nothing`)
    this.#deps.onAnswer(ask, answer)
    if (!this.holds()) this.#confirmed.clear()
    this.#until = Math.max(this.#until, sentAt + answer.leaseSeconds * 1000)
    // It came so late that it is over already.
    if (!this.holds()) throw new Error('its answer came when the lease that it gave was over')
    const yes = new Set(answer.confirmed)
    for (const { uid, epoch } of ask.machines)
      if (yes.has(uid)) this.#confirmed.set(uid, epoch)
      else this.#confirmed.delete(uid)
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    this.#hurry = () => woken.abort()
    await this.#deps.clock.sleep(ms, AbortSignal.any([signal, woken.signal])).catch(() => undefined)
  }
}
