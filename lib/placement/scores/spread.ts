// Few VMs of its kind in the host's domain; constraints of both strengths count, those that must hold as a wish to stay far from the limit.
import type { Score, Wish } from '../score.ts'
import { type Counts, countsOf } from '../spread-counts.ts'

export const SPREAD_SCORE: Score = {
  name: 'spread',
  scale: 'compare',
  prepare({ vm }, scene) {
    if (vm.spread.length === 0) return null
    // Each one by itself: a host outside the domains of one may still be wished for by another.
    const wishes = vm.spread.flatMap((constraint) => countsOf(vm, [constraint], scene)).map(wishOf)
    const [only] = wishes
    if (only !== undefined && wishes.length === 1) return only
    return (slot) => wishes.reduce((sum, wish) => sum + wish(slot), 0)
  },
}

function wishOf({ topology, perDomain }: Counts): Wish {
  const few = Float64Array.from(perDomain, (count) => 0 - Math.max(0, count))
  // Outside of all domains is worse than the fullest one.
  const outside = few.reduce((a, b) => Math.min(a, b), 0) - 1
  return (slot) => few[topology.domainOf(slot)] ?? outside
}
