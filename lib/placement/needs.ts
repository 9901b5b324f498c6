// Who counts on whom by required affinity.
import type { Cluster } from './cluster.ts'
import type { VmFacts } from './facts.ts'
import { isSelected, selectionOf } from './terms.ts'

/** Whether a term of required affinity of one VM speaks of the other. */
export const needs = (cluster: Cluster, vm: VmFacts, other: VmFacts): boolean =>
  vm.near.some((term) => {
    const spec = selectionOf(vm, term)
    return spec !== null && isSelected(spec, other, (each) => cluster.labelsOfNamespace(each))
  })

/**
 * The VM with those of `waiting` that its required affinity counts on, and theirs: what has to be placed as one group because none of
 * them can go first.
 */
export function companionsOf(cluster: Cluster, vm: VmFacts, waiting: readonly VmFacts[]): readonly VmFacts[] {
  const found = [vm]
  for (const member of found)
    for (const other of waiting) if (!found.includes(other) && needs(cluster, member, other)) found.push(other)
  return found
}

/** Those of `waiting`, which has not the VM, that count on it as it counts on them, if by others in between: none of such a ring can go first. */
export const ringOf = (cluster: Cluster, vm: VmFacts, waiting: readonly VmFacts[]): readonly VmFacts[] =>
  companionsOf(cluster, vm, waiting).filter(
    (other) => other !== vm && companionsOf(cluster, other, [vm, ...waiting]).includes(vm),
  )
