// Asked, not stored: what every host says to a machine that is there, or to one that could be, now or if some hosts were down.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import type { KindDef } from '../kind.ts'
import { Choice, type DeepReadonly, Name, Open } from '../shapes.ts'
import type { VirtualMachine } from '../virtualmachine/schema.ts'
import { CLUSTER_GROUP } from './hostbinding.ts'

const WhatIf = Type.Object({
  down: Type.Optional(Type.Array(Name(), { description: 'Hosts that are taken for down.' })),
  cordon: Type.Optional(Type.Array(Name(), { description: 'Hosts that are taken for cordoned.' })),
})

const Host = Type.Object({
  node: Type.String(),
  verdict: Choice(['Accepted', 'Refused']),
  score: Type.Optional(Type.Number({ description: 'Of an accepted one; the highest is taken.' })),
  parts: Type.Optional(
    Type.Unsafe<Record<string, number>>({
      type: 'object',
      additionalProperties: { type: 'number' },
      description: 'What each wish added to the score.',
    }),
  ),
  reasons: Type.Optional(Type.Array(Type.String(), { description: 'Of a refused one: all of them, in words.' })),
})

const Fields = Type.Object({
  name: Type.Optional(Type.String({ description: 'A VirtualMachine of the namespace.' })),
  machine: Type.Optional(Open<VirtualMachine>({ description: 'One that could be, complete.' })),
  whatIf: Type.Optional(WhatIf),
  node: Type.Optional(Type.String({ description: 'Answer: the best host; empty when there is none.' })),
  current: Type.Optional(Type.String({ description: 'Answer: the host that it has; empty without one.' })),
  message: Type.Optional(Type.String({ description: 'Answer: the outcome in a sentence.' })),
  hosts: Type.Optional(Type.Array(Host, { description: 'Answer: the best first, the refused ones last.' })),
})

export type ExplainedHost = DeepReadonly<Type.Static<typeof Host>>
export type PlacementExplanation = KubeObject & DeepReadonly<Type.Static<typeof Fields>>

export const PLACEMENT_EXPLANATION: KindDef = {
  group: CLUSTER_GROUP,
  kind: 'PlacementExplanation',
  plural: 'placementexplanations',
  singular: 'placementexplanation',
  shortNames: [],
  categories: [],
  namespaced: true,
  resource: `placementexplanations.${CLUSTER_GROUP}`,
  versions: [{ name: 'v1', schema: Fields, columns: [] }],
  storageVersion: 'v1',
  hasStatus: false,
  checkName: () => null,
  rules: [],
}
