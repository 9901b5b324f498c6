// Tokens for joining: each for one host, once. Used ones stay until they would have expired, so that a second use is told by its name.
import { hashOfToken, newToken } from '../../lib/apiserver/auth/tokens.ts'
import type { Caller } from '../../lib/apiserver/index.ts'
import type { Resources } from '../../lib/apiserver/resources.ts'
import { type Clock, timestamp } from '../../lib/clock.ts'
import { JOINERS_GROUP } from '../../lib/cluster/identity.ts'
import { ApiError } from '../../lib/errors.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { AccessToken } from '../../schemas/index.ts'

const TOKENS = 'accesstokens.access.berth'
/** Annotation: which host used the token, and when. */
export const USED_BY = 'berth/used-by'
/** Expired ones are removed after so long: until then whoever tries one hears that it has expired. */
const KEEP_MS = 24 * 3_600_000

export interface JoinTokensDeps {
  readonly reader: Pick<Reader, 'list'>
  readonly resources: Resources
  readonly clock: Clock
}

export class JoinTokens {
  readonly #deps: JoinTokensDeps

  constructor(deps: JoinTokensDeps) {
    this.#deps = deps
  }

  /** The token itself can be seen only here. */
  async create(ttlSeconds: number): Promise<{ readonly token: string; readonly expirationTimestamp: string }> {
    const { resources, clock } = this.#deps
    const token = newToken()
    const expirationTimestamp = timestamp(clock.now() + ttlSeconds * 1_000)
    await resources.create<AccessToken>(TOKENS, {
      apiVersion: 'access.berth/v1',
      kind: 'AccessToken',
      metadata: { generateName: 'join-' },
      spec: { user: 'system:bootstrap', groups: [JOINERS_GROUP], sha256: hashOfToken(token), expirationTimestamp },
    })
    return { token, expirationTimestamp }
  }

  /** Of those who come with a join token. @throws ApiError Forbidden when it was used */
  check(caller: Caller): void {
    if (!isJoiner(caller)) return
    const token = this.#deps.reader
      .list<AccessToken>(TOKENS)
      .find(({ metadata }) => metadata.name === caller.credential)
    const used = token?.metadata.annotations?.[USED_BY]
    if (used !== undefined) throw wasUsed(caller, used)
  }

  /** Uses the token up, for one of those who ask at the same moment. @throws ApiError Forbidden for the others */
  async use(caller: Caller, node: string): Promise<void> {
    if (!isJoiner(caller)) return
    const { resources, clock } = this.#deps
    const mark = `${node} at ${timestamp(clock.now())}`
    let before: string | undefined
    const name = { namespace: '', name: caller.credential }
    const token = await resources.modify<AccessToken>(TOKENS, name, (have) => {
      before = have.metadata.annotations?.[USED_BY]
      if (before !== undefined) return have
      return { ...have, metadata: { ...have.metadata, annotations: { ...have.metadata.annotations, [USED_BY]: mark } } }
    })
    if (token === null) throw new ApiError('Unauthorized', `the join token ${caller.credential} was revoked`)
    if (before !== undefined) throw wasUsed(caller, before)
  }

  /** Removes those that expired long ago. */
  async sweep(): Promise<void> {
    const { reader, resources, clock } = this.#deps
    for (const { metadata, spec } of reader.list<AccessToken>(TOKENS)) {
      const joins = (spec.groups ?? []).includes(JOINERS_GROUP)
      const end = Date.parse(spec.expirationTimestamp ?? '')
      if (joins && end + KEEP_MS < clock.now())
        await resources.delete(TOKENS, { namespace: '', name: metadata.name }, { uid: metadata.uid })
    }
  }
}

const isJoiner = ({ via, groups }: Caller): boolean => via === 'token' && groups.includes(JOINERS_GROUP)

const wasUsed = ({ credential }: Caller, used: string): ApiError =>
  new ApiError(
    'Forbidden',
    `the join token ${credential} was used by ${used}: it is good for one host. berth node token create makes another`,
  )
