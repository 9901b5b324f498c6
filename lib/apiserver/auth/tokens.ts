// Bearer tokens: random bits for the client, their SHA-256 in an AccessToken object for us. Whoever reads our files cannot come in
// with them.
//
// INVARIANT: `put` and `remove` follow the store's changes in order, so a deleted token is refused from its deletion on.
import { createHash, randomBytes } from 'node:crypto'
import type { AccessToken } from '../../../schemas/access/token.ts'
import type { Clock } from '../../clock.ts'
import { ApiError } from '../../errors.ts'
import { type Caller, withAuthenticated } from './caller.ts'

/** A plain hash is enough, as the tokens are random and long. */
export const hashOfToken = (token: string): string => createHash('sha256').update(token, 'utf8').digest('hex')

/** 256 random bits as text. */
export const newToken = (): string => randomBytes(32).toString('base64url')

/** Longest bearer token looked at. */
const MAX_TOKEN = 1024

/** Every token of the server by its hash. The time of a look-up says nothing of a token, only of its hash. */
export class TokenIndex {
  readonly #clock: Clock
  readonly #byHash = new Map<string, AccessToken>()
  readonly #uids = new Set<string>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  put(token: AccessToken): void {
    // Deletion was asked for: whatever finalizers say, the token ends now.
    if (token.metadata.deletionTimestamp !== undefined) return
    // A second object for the same token must not take the first one's place; admission refuses it, but for a race.
    if (!this.#byHash.has(token.spec.sha256)) this.#byHash.set(token.spec.sha256, token)
    this.#uids.add(token.metadata.uid)
  }

  remove(token: AccessToken): void {
    this.#uids.delete(token.metadata.uid)
    if (this.#byHash.get(token.spec.sha256)?.metadata.uid === token.metadata.uid) this.#byHash.delete(token.spec.sha256)
  }

  /** Who has this token. @throws ApiError Unauthorized when nobody has, or no longer */
  callerOf(token: string, client: string): Caller {
    const known = token.length > MAX_TOKEN ? undefined : this.#byHash.get(hashOfToken(token))
    if (known === undefined) throw new ApiError('Unauthorized', 'the token is not valid: it is wrong or was revoked')
    const { spec, metadata } = known
    const expiresAt = spec.expirationTimestamp === undefined ? null : Date.parse(spec.expirationTimestamp)
    if (expiresAt !== null && this.#clock.now() >= expiresAt)
      throw new ApiError('Unauthorized', `the token "${metadata.name}" expired at ${spec.expirationTimestamp}`)
    return {
      user: spec.user,
      groups: withAuthenticated(spec.groups ?? []),
      uid: metadata.uid,
      via: 'token',
      credential: metadata.name,
      expiresAt,
      client,
    }
  }

  /** The token object with this hash. */
  byHash(sha256: string): AccessToken | undefined {
    return this.#byHash.get(sha256)
  }

  /** Whether the token object of this uid is still there. */
  has(uid: string): boolean {
    return this.#uids.has(uid)
  }
}
