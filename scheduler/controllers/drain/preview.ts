// Where each machine of a node would go if it were drained now. Pure: a what-if over the placement core, in the order of the drain.
import { type Cluster, decide, titleOf, type VmFacts } from '../../../lib/placement/index.ts'
import type { DrainPreviewMachine } from '../../../schemas/cluster/drainpreview.ts'
import { helpWords } from './help.ts'

export interface PreviewFacts {
  readonly node: string
  /** Machines that run there, as they are when they are to be moved. */
  readonly machines: readonly VmFacts[]
  /** In words, why a machine cannot be moved whatever the room, by uid; null: it can. */
  readonly refusal: (uid: string) => string | null
}

/** Each decision counts for the next one, and all are taken back. */
export function previewDrain(
  cluster: Cluster,
  { node, machines, refusal }: PreviewFacts,
): readonly DrainPreviewMachine[] {
  const inOrder = [...machines].sort((a, b) => b.priority - a.priority || (titleOf(a) < titleOf(b) ? -1 : 1))
  return cluster.whatIf(() =>
    inOrder.map((vm): DrainPreviewMachine => {
      const { namespace, name, uid } = vm
      const no = refusal(uid)
      if (no !== null) return { namespace, name, message: no }
      const decision = decide(cluster, { vm, current: node, migrate: true }, { reserve: false })
      if (decision.node === null) {
        const help = helpWords(decision.reasons.filter(({ filter }) => filter !== 'Asked'))
        return { namespace, name, message: decision.message, ...(help === null ? {} : { help }) }
      }
      cluster.place(vm, decision.node)
      return { namespace, name, target: decision.node }
    }),
  )
}
