// A cordoned host gets nothing new, unless the VM tolerates that.
import { type Filter, refuse } from '../filter.ts'
import type { Taint } from '../types.ts'
import { tolerates } from './taints.ts'

const name = 'Cordon'
/** A cordoned node counts as tainted with this, so that it can be tolerated like any taint. */
const CORDON: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }
const CORDONED = refuse(name, 'cordoned', 'the node is cordoned')

export const CORDON_FILTER: Filter = {
  name,
  prepare({ vm }) {
    if (vm.tolerations.some((each) => tolerates(each, CORDON))) return null
    return ({ facts }) => (facts.unschedulable ? CORDONED : null)
  },
}
