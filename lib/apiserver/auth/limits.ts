// How much one identity may ask, and one address may guess. Ordinary use meets neither.

export interface Bucket {
  /** At once at most. */
  readonly burst: number
  /** Milliseconds after which one more is allowed. */
  readonly refillMs: number
}

export interface RequestLimits {
  /** Requests over TCP of one identity. */
  readonly requests: Bucket
  /** Wrong tokens and certificates from one address. */
  readonly wrongCredentials: Bucket
}

/** A thousand requests a second for as long as one likes; a wrong token each second. */
export const DEFAULT_LIMITS: RequestLimits = {
  requests: { burst: 5_000, refillMs: 1 },
  wrongCredentials: { burst: 30, refillMs: 1_000 },
}
