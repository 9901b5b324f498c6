// Preferred affinity and anti-affinity: what the VM prefers of others, and what others prefer of it.
import type { VmFacts, Weighted } from '../facts.ts'
import type { Host } from '../host.ts'
import type { Scene } from '../scene.ts'
import type { Score, Wish } from '../score.ts'
import { selectionOf } from '../terms.ts'
import type { NeighbourTerm } from '../types.ts'

export const NEIGHBOURS: Score = {
  name: 'neighbours',
  scale: 'compare',
  prepare({ vm }, scene) {
    const wishes = [
      ...vm.preferNear.flatMap((each) => ownWish(vm, each, 1, scene)),
      ...vm.preferApart.flatMap((each) => ownWish(vm, each, -1, scene)),
      ...othersWishes(vm, scene),
    ]
    return wishes.length === 0 ? null : (slot) => wishes.reduce((sum, wish) => sum + wish(slot), 0)
  },
}

function ownWish(vm: VmFacts, { weight, term }: Weighted<NeighbourTerm>, sign: 1 | -1, scene: Scene): readonly Wish[] {
  const spec = selectionOf(vm, term)
  if (spec === null) return []
  const perHost = [...scene.selection(spec).members].map(([host, members]): readonly [Host, number] => [
    host,
    sign * weight * members.size,
  ])
  return wishOf(scene, term.topologyKey, perHost)
}

const othersWishes = (vm: VmFacts, scene: Scene): readonly Wish[] =>
  scene
    .selectionsWith(vm)
    .flatMap(({ wishes }) => [...wishes].flatMap(([key, perHost]) => wishOf(scene, key, [...perHost])))

function wishOf(scene: Scene, key: string, perHost: readonly (readonly [Host, number])[]): readonly Wish[] {
  if (perHost.length === 0) return []
  const topology = scene.topology(key)
  const sums = new Float64Array(topology.size)
  for (const [host, amount] of perHost) {
    const domain = topology.domainOf(host.slot)
    if (domain >= 0) sums[domain] = (sums[domain] ?? 0) + amount
  }
  return [(slot) => sums[topology.domainOf(slot)] ?? 0]
}
