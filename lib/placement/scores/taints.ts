// Taints PreferNoSchedule: the fewer that the VM does not tolerate, the better.
import { tolerates } from '../filters/taints.ts'
import type { Score } from '../score.ts'

export const TAINTS_SCORE: Score = {
  name: 'taints',
  scale: 'share',
  prepare({ vm: { tolerations } }, cluster) {
    if (cluster.hosts.every(({ facts }) => facts.taints.length === 0)) return null
    return ({ facts: { taints } }) => {
      if (taints.length === 0) return 1
      const open = taints.filter(
        (taint) => taint.effect === 'PreferNoSchedule' && !tolerations.some((each) => tolerates(each, taint)),
      )
      return 1 / (1 + open.length)
    }
  },
}
