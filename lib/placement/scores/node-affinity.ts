// Preferred node affinity: the share of the weights that the host satisfies.
import type { Score } from '../score.ts'
import { matchesNodeTerm } from '../selectors.ts'

export const NODE_AFFINITY_SCORE: Score = {
  name: 'nodeAffinity',
  scale: 'share',
  prepare({ vm: { preferredNodes } }) {
    const all = preferredNodes.reduce((sum, { weight }) => sum + weight, 0)
    if (all === 0) return null
    return ({ facts: { name, labels } }) =>
      preferredNodes.reduce((sum, { weight, term }) => sum + (matchesNodeTerm(name, labels, term) ? weight : 0), 0) /
      all
  },
}
