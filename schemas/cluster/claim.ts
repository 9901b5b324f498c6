// A scheduler's question to a host: do you obey me? Asked, not stored; what the host knows of schedulers it keeps in a file.
import Type from 'typebox'
import type { KindDef } from '../kind.ts'
import { CLUSTER_GROUP } from './hostbinding.ts'

const REVISION = '^[0-9]{1,19}$'

/** Names one start of one scheduler, and how far its store had come. */
export interface ClaimAsk {
  readonly instance: string
  readonly term: number
  readonly revision: string
}

export interface ClaimAnswer {
  readonly accepted: boolean
  /** The scheduler that the host obeys, this one when accepted. Empty, 0 when there was none yet. */
  readonly instance: string
  readonly term: number
  /** The highest revision of a scheduler's store that the host ever heard of. */
  readonly revision: string
  /** Why not, in words; empty when accepted. */
  readonly message: string
}

export const CLAIM: KindDef = {
  group: CLUSTER_GROUP,
  kind: 'Claim',
  plural: 'claims',
  singular: 'claim',
  shortNames: [],
  categories: [],
  namespaced: false,
  resource: `claims.${CLUSTER_GROUP}`,
  versions: [
    {
      name: 'v1',
      schema: Type.Object({
        instance: Type.String({ minLength: 1, maxLength: 253 }),
        term: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
        revision: Type.String({ pattern: REVISION }),
        accepted: Type.Optional(Type.Boolean({ description: 'Answer.' })),
        message: Type.Optional(Type.String({ description: 'Answer: why not.' })),
      }),
      columns: [],
    },
  ],
  storageVersion: 'v1',
  hasStatus: false,
  checkName: () => null,
  rules: [],
}
