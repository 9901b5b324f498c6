// A cordoned host gets nothing new, unless the VM tolerates that.
import { type NodeFilter, refuse } from '../filter.ts'
import type { Taint } from '../types.ts'
import { tolerates } from './taints.ts'

const name = 'Cordon'
/** A cordoned node counts as tainted with this, so that it can be tolerated like any taint. */
const CORDON: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }
const CORDONED = refuse(name, 'cordoned', 'the node is cordoned')

export const CORDON_FILTER: NodeFilter = {
  name,
  check({ vm }) {
    if (vm.tolerations.some((each) => tolerates(each, CORDON))) return null
    return ({ unschedulable }) => (unschedulable ? CORDONED : null)
  },
}
