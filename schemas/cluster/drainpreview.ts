// Asked, not stored: where each machine of a node would go if it were drained now.
import Type from 'typebox'
import type { KindDef } from '../kind.ts'
import { Name } from '../shapes.ts'
import { CLUSTER_GROUP } from './hostbinding.ts'

export interface DrainPreviewMachine {
  readonly namespace: string
  readonly name: string
  /** Absent: it cannot go. */
  readonly target?: string
  /** Why it cannot go. */
  readonly message?: string
  /** What would help. */
  readonly help?: string
}

export interface DrainPreviewAnswer {
  readonly machines: readonly DrainPreviewMachine[]
  /** Stopped ones, whose disks are there. */
  readonly stopped: readonly { readonly namespace: string; readonly name: string }[]
}

const Machine = Type.Object({
  namespace: Type.String(),
  name: Type.String(),
  target: Type.Optional(Type.String({ description: 'Absent: it cannot go.' })),
  message: Type.Optional(Type.String({ description: 'Why it cannot go.' })),
  help: Type.Optional(Type.String({ description: 'What would help.' })),
})

export const DRAIN_PREVIEW: KindDef = {
  group: CLUSTER_GROUP,
  kind: 'DrainPreview',
  plural: 'drainpreviews',
  singular: 'drainpreview',
  shortNames: [],
  categories: [],
  namespaced: false,
  resource: `drainpreviews.${CLUSTER_GROUP}`,
  versions: [
    {
      name: 'v1',
      schema: Type.Object({
        node: Name(),
        machines: Type.Optional(Type.Array(Machine, { description: 'Answer, in the order of the drain.' })),
        stopped: Type.Optional(
          Type.Array(Type.Object({ namespace: Type.String(), name: Type.String() }), {
            description: 'Answer: machines that do not run and keep their disks there.',
          }),
        ),
      }),
      columns: [],
    },
  ],
  storageVersion: 'v1',
  hasStatus: false,
  checkName: () => null,
  rules: [],
}
