// Whose start comes next: so many at a time, the most important first, so that a host that comes up with hundreds of machines is not
// overrun by them. Admission is one synchronous step, as with the ledger.
//
// INVARIANTS: at most `parallel` hold a turn; of those that wait none is passed by one behind it; who does not ask again loses its place.
import type { Clock } from '../lib/clock.ts'

/** Who asks for a start. */
export interface Claim {
  /** `namespace/name`; decides last. */
  readonly vm: string
  /** Higher goes first. */
  readonly priority: number
  /** Older goes first among equals; ms since the epoch. */
  readonly created: number
  /** Its last run ended with the host: it keeps its turn for a while after the start, since all of them boot at once. */
  readonly afterBoot: boolean
}

export interface StartTurnsOptions {
  readonly clock: Clock
  readonly parallel: number
  readonly settleMs: number
  /** It is this one's turn now. Must not throw. */
  readonly onTurn: (uid: string) => void
}

/** Who waits asks again at least this often; after three times as long without, its place is lost. */
export const ASK_AGAIN_MS = 10_000

interface Waiting {
  readonly claim: Claim
  readonly askedAt: number
}

interface Turn {
  readonly afterBoot: boolean
  settling: boolean
}

export class StartTurns {
  readonly #options: StartTurnsOptions
  readonly #turns = new Map<string, Turn>()
  readonly #waiting = new Map<string, Waiting>()
  #open = false

  constructor(options: StartTurnsOptions) {
    this.#options = options
  }

  /** From now on turns are given: who is there has been heard. */
  open(): void {
    if (this.#open) return
    this.#open = true
    this.#wake()
  }

  /** Null: it may start now, and holds its turn until {@link started} or {@link release}. Else: how many are before it. */
  ask(uid: string, claim: Claim): number | null {
    if (this.#turns.has(uid)) return null
    this.#waiting.set(uid, { claim, askedAt: this.#options.clock.monotonic() })
    const before = this.#queue().findIndex(([other]) => other === uid)
    if (before >= this.#free()) return before + this.#turns.size
    this.#waiting.delete(uid)
    this.#turns.set(uid, { afterBoot: claim.afterBoot, settling: false })
    return null
  }

  /** It runs. Safe to call again and again. */
  started(uid: string): void {
    this.#waiting.delete(uid)
    const turn = this.#turns.get(uid)
    if (turn === undefined || turn.settling) return
    if (!turn.afterBoot) {
      this.release(uid)
      return
    }
    turn.settling = true
    const { clock, settleMs } = this.#options
    clock.sleep(settleMs).then(
      () => this.#turns.get(uid) === turn && this.release(uid),
      () => undefined,
    )
  }

  /** It does not want to start any more, or could not. */
  release(uid: string): void {
    const waited = this.#waiting.delete(uid)
    const held = this.#turns.delete(uid)
    if (waited || held) this.#wake()
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size
  }

  #free(): number {
    return this.#open ? this.#options.parallel - this.#turns.size : 0
  }

  /** In the order of their turns. */
  #queue(): readonly (readonly [string, Waiting])[] {
    const lost = this.#options.clock.monotonic() - 3 * ASK_AGAIN_MS
    for (const [uid, { askedAt }] of this.#waiting) if (askedAt < lost) this.#waiting.delete(uid)
    return [...this.#waiting].sort(([, a], [, b]) => compareClaims(a.claim, b.claim))
  }

  #wake(): void {
    const free = this.#free()
    if (free <= 0 || this.#waiting.size === 0) return
    for (const [uid] of this.#queue().slice(0, free)) this.#options.onTurn(uid)
  }
}

/** Negative: `a` goes first. What people and operations start goes before what the host's restart starts, within one priority. */
export function compareClaims(a: Claim, b: Claim): number {
  return (
    b.priority - a.priority ||
    Number(a.afterBoot) - Number(b.afterBoot) ||
    a.created - b.created ||
    (a.vm < b.vm ? -1 : a.vm > b.vm ? 1 : 0)
  )
}
