// Asked, not stored: moves that would make the cluster better now.
import Type from 'typebox'
import type { KindDef } from '../kind.ts'
import { CLUSTER_GROUP } from './hostbinding.ts'

const Move = Type.Object({
  namespace: Type.String(),
  name: Type.String(),
  from: Type.String(),
  to: Type.Optional(Type.String({ description: 'Absent: it should move and cannot.' })),
  message: Type.String(),
})

export interface RebalanceAnswer {
  readonly moves: readonly {
    readonly namespace: string
    readonly name: string
    readonly from: string
    /** Absent: it should move and cannot. */
    readonly to?: string
    readonly message: string
  }[]
}

export const REBALANCE_PROPOSAL: KindDef = {
  group: CLUSTER_GROUP,
  kind: 'RebalanceProposal',
  plural: 'rebalanceproposals',
  singular: 'rebalanceproposal',
  shortNames: [],
  categories: [],
  namespaced: false,
  resource: `rebalanceproposals.${CLUSTER_GROUP}`,
  versions: [
    {
      name: 'v1',
      schema: Type.Object({
        budget: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 20, description: 'Moves at most.' })),
        moves: Type.Optional(Type.Array(Move, { description: 'Answer.' })),
      }),
      columns: [],
    },
  ],
  storageVersion: 'v1',
  hasStatus: false,
  checkName: () => null,
  rules: [],
}
