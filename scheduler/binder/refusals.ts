// What hosts said no to, while it matters: a machine is not offered again to a host that has just refused it.
import type { Clock } from '../../lib/clock.ts'
import type { Refusal } from '../links/refusal.ts'

export interface RefusedBinding {
  readonly node: string
  readonly uid: string
  readonly epoch: number
  readonly kind: Refusal
  /** The agent's words. */
  readonly message: string
}

/** For so long a host is avoided that refused an object. */
const AVOID_MS = 60_000

export class Refusals {
  readonly #clock: Clock
  /** The last one, by uid and node. */
  readonly #known = new Map<string, Map<string, { readonly refused: RefusedBinding; readonly until: number }>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(refused: RefusedBinding): void {
    const of = this.#known.get(refused.uid) ?? new Map()
    of.set(refused.node, { refused, until: this.#clock.monotonic() + AVOID_MS })
    this.#known.set(refused.uid, of)
  }

  /** It was taken after all. */
  clear(uid: string, node: string): void {
    const of = this.#known.get(uid)
    of?.delete(node)
    if (of?.size === 0) this.#known.delete(uid)
  }

  forget(uid: string): void {
    this.#known.delete(uid)
  }

  /** Those that still count, the newest last. */
  of(uid: string): readonly RefusedBinding[] {
    const now = this.#clock.monotonic()
    return [...(this.#known.get(uid)?.values() ?? [])].filter(({ until }) => until > now).map(({ refused }) => refused)
  }

  /** Milliseconds until a host may be offered it again; null when none is avoided. */
  againIn(uid: string): number | null {
    const now = this.#clock.monotonic()
    const left = [...(this.#known.get(uid)?.values() ?? [])].map(({ until }) => until - now).filter((ms) => ms > 0)
    return left.length === 0 ? null : Math.min(...left)
  }
}
