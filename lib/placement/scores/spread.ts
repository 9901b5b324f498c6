// Few VMs of its kind in the host's domain; constraints of both strengths count, those that must hold as a wish to stay far from the limit.
import type { Score } from '../score.ts'
import { countsOf } from '../spread-counts.ts'

export const SPREAD_SCORE: Score = {
  name: 'spread',
  scale: 'compare',
  prepare({ vm }, cluster) {
    if (vm.spread.length === 0) return null
    // Each one by itself: a host outside the domains of one may still be wished for by another.
    const parts = vm.spread
      .flatMap((constraint) => countsOf(vm, [constraint], cluster))
      .map(({ topology, perDomain }) => ({
        topology,
        perDomain,
        // Outside of all domains is worse than the fullest one.
        outside: perDomain.reduce((a, b) => Math.max(a, b), 0) + 1,
      }))
    return (slot) => {
      let sum = 0
      for (const { topology, perDomain, outside } of parts) {
        const domain = topology.domainOf(slot)
        sum -= domain < 0 ? outside : Math.max(0, perDomain[domain] ?? 0)
      }
      return sum
    }
  },
}
