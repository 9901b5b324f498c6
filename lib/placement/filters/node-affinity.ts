// Required node affinity: alternatives of which one must hold.
import { type NodeFilter, refuse } from '../filter.ts'
import { describe, matchesNodeTerm } from '../selectors.ts'

const name = 'NodeAffinity'

export const NODE_AFFINITY: NodeFilter<'nodeAffinity'> = {
  name,
  check({ vm: { nodeAffinity } }) {
    if (nodeAffinity === null) return null
    const wanted = nodeAffinity
      .map((term) => [...(term.matchExpressions ?? []), ...(term.matchFields ?? [])].map(describe).join(' and '))
      .join(', or ')
    const refusal = refuse(
      name,
      "outside the VM's required node affinity",
      `the node does not match the VM's required node affinity: ${wanted}`,
    )
    return ({ name: host, labels }) =>
      nodeAffinity.some((term) => matchesNodeTerm(host, labels, term)) ? null : refusal
  },
}
