// Few VMs of its kind in the host's domain; constraints of both strengths count, those that must hold as a wish to stay far from the limit.
import { countsOf } from '../filters/spread.ts'
import type { Score } from '../score.ts'

export const SPREAD_SCORE: Score = {
  name: 'spread',
  scale: 'compare',
  prepare(ask, cluster) {
    const constraints = ask.vm.spread
    if (constraints.length === 0) return null
    // Each one by itself: a host outside the domains of one may still be wished for by another.
    const counts = constraints.flatMap((constraint) => countsOf(ask, [constraint], cluster))
    // Outside of all domains is worse than the fullest one.
    const most = counts.map(({ perDomain }) => perDomain.reduce((a, b) => Math.max(a, b), 0) + 1)
    return (host) => {
      let sum = 0
      for (const [index, { topology, perDomain }] of counts.entries()) {
        const domain = topology.domainOf(host)
        sum -= domain < 0 ? (most[index] ?? 0) : Math.max(0, perDomain[domain] ?? 0)
      }
      return sum
    }
  },
}
