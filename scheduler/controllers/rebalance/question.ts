// Answers RebalanceProposal.
import type { VirtualKind } from '../../../lib/apiserver/virtual.ts'
import type { Proposal } from '../../../lib/placement/index.ts'
import { REBALANCE_PROPOSAL, type RebalanceAnswer } from '../../../schemas/cluster/rebalanceproposal.ts'

export const rebalanceProposal = (propose: (budget: number) => Proposal): VirtualKind => ({
  kind: REBALANCE_PROPOSAL,
  audience: 'infrastructure',
  answer: ({ object }) => {
    const { budget = 20 } = object as { readonly budget?: number }
    const { moves, stuck } = propose(budget)
    const answer: RebalanceAnswer = {
      moves: [
        ...moves.map(({ vm, from, to, message }) => ({ namespace: vm.namespace, name: vm.name, from, to, message })),
        ...stuck.map(({ vm, node, message }) => ({ namespace: vm.namespace, name: vm.name, from: node, message })),
      ],
    }
    return { ...answer }
  },
})
