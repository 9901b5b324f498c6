// Who holds a stream that one client at a time may have. In memory: a session ends with the process that carries it.
//
// INVARIANTS: at most one session per key is current; a session that lost its place hears so through its signal before
// the next one starts; releasing twice, or after a take-over, changes nothing.
import { type Clock, timestamp } from '../../lib/clock.ts'

/** A session lives this long after the last sign of life of its client (DVP's session lease). */
export const LEASE_MS = 30_000
/** How often a client is asked for a sign of life. */
export const RENEW_MS = 10_000

/** What a probe answers. `startTime` is RFC 3339. */
export interface SessionInfo {
  readonly holder: string
  readonly startTime: string
  readonly client: string
}

/** The reason of a session's signal after a take-over. */
export class TakenOver extends Error {
  override readonly name = 'TakenOver'
  readonly by: SessionInfo

  constructor(by: SessionInfo) {
    super(`taken over by ${by.holder} (${by.client})`)
    this.by = by
  }
}

export interface Session {
  readonly info: SessionInfo
  /** Whom this session displaced; null when the place was free. */
  readonly displaced: SessionInfo | null
  /** Aborted with {@link TakenOver} when someone else takes the place. */
  readonly signal: AbortSignal
  /** A sign of life of the client. */
  renew(): void
  release(): void
}

interface Place {
  readonly info: SessionInfo
  readonly controller: AbortController
  /** Monotonic ms. */
  renewedAt: number
}

export class Sessions {
  readonly #clock: Clock
  readonly #places = new Map<string, Place>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The holder now; null when free, or when the holder's lease has run out. */
  holder(key: string): SessionInfo | null {
    const place = this.#places.get(key)
    return place !== undefined && this.#isLive(place) ? place.info : null
  }

  /** Takes the place, from whoever has it. */
  take(key: string, who: { readonly holder: string; readonly client: string }): Session {
    const now = this.#clock.monotonic()
    const info: SessionInfo = { holder: who.holder, startTime: timestamp(this.#clock.now()), client: who.client }
    const before = this.#places.get(key)
    const place: Place = { info, controller: new AbortController(), renewedAt: now }
    this.#places.set(key, place)
    before?.controller.abort(new TakenOver(info))
    return {
      info,
      displaced: before !== undefined && this.#isLive(before) ? before.info : null,
      signal: place.controller.signal,
      renew: () => {
        place.renewedAt = this.#clock.monotonic()
      },
      release: () => {
        if (this.#places.get(key) === place) this.#places.delete(key)
      },
    }
  }

  #isLive(place: Place): boolean {
    return this.#clock.monotonic() - place.renewedAt <= LEASE_MS
  }
}
