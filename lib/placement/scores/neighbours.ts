// Preferred affinity and anti-affinity: what the VM prefers of others, and what others prefer of it.
import type { Cluster } from '../cluster.ts'
import type { VmFacts, Weighted } from '../facts.ts'
import type { Host } from '../host.ts'
import type { Score, Wish } from '../score.ts'
import { selectionOf } from '../terms.ts'
import type { NeighbourTerm } from '../types.ts'

export const NEIGHBOURS: Score = {
  name: 'neighbours',
  scale: 'compare',
  prepare({ vm }, cluster) {
    const wishes = [
      ...vm.preferNear.flatMap((each) => ownWish(vm, each, 1, cluster)),
      ...vm.preferApart.flatMap((each) => ownWish(vm, each, -1, cluster)),
      ...othersWishes(vm, cluster),
    ]
    return wishes.length === 0 ? null : (slot) => wishes.reduce((sum, wish) => sum + wish(slot), 0)
  },
}

function ownWish(
  vm: VmFacts,
  { weight, term }: Weighted<NeighbourTerm>,
  sign: 1 | -1,
  cluster: Cluster,
): readonly Wish[] {
  const spec = selectionOf(vm, term)
  if (spec === null) return []
  const perHost = [...cluster.selection(spec).members].map(([host, members]): readonly [Host, number] => [
    host,
    sign * weight * members.size,
  ])
  return wishOf(cluster, term.topologyKey, perHost)
}

const othersWishes = (vm: VmFacts, cluster: Cluster): readonly Wish[] =>
  cluster
    .selectionsWith(vm)
    .flatMap(({ wishes }) => [...wishes].flatMap(([key, perHost]) => wishOf(cluster, key, [...perHost])))

function wishOf(cluster: Cluster, key: string, perHost: readonly (readonly [Host, number])[]): readonly Wish[] {
  if (perHost.length === 0) return []
  const topology = cluster.topology(key)
  const sums = new Float64Array(topology.size)
  for (const [host, amount] of perHost) {
    const domain = topology.domainOf(host.slot)
    if (domain >= 0) sums[domain] = (sums[domain] ?? 0) + amount
  }
  return [(slot) => sums[topology.domainOf(slot)] ?? 0]
}
