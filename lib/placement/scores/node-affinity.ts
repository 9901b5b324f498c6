// Preferred node affinity: the share of the weights that the host satisfies.
import type { NodeScore } from '../score.ts'
import { matchesNodeTerm } from '../selectors.ts'

export const NODE_AFFINITY_SCORE: NodeScore = {
  name: 'nodeAffinity',
  judge({ vm: { preferredNodes } }) {
    const all = preferredNodes.reduce((sum, { weight }) => sum + weight, 0)
    if (all === 0) return null
    return ({ name, labels }) =>
      preferredNodes.reduce((sum, { weight, term }) => sum + (matchesNodeTerm(name, labels, term) ? weight : 0), 0) /
      all
  },
}
