// Taints PreferNoSchedule: the fewer that the VM does not tolerate, the better.
import { tolerates } from '../filters/taints.ts'
import type { NodeScore } from '../score.ts'

export const TAINTS_SCORE: NodeScore = {
  name: 'taints',
  judge({ vm: { tolerations } }, hosts) {
    if (hosts.every(({ taints }) => taints.length === 0)) return null
    return ({ taints }) => {
      const open = taints.filter(
        (taint) => taint.effect === 'PreferNoSchedule' && !tolerations.some((each) => tolerates(each, taint)),
      )
      return 1 / (1 + open.length)
    }
  },
}
