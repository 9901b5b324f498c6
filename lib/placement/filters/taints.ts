// Taints that keep VMs off a host, and the tolerations that let them in.
import { type NodeFilter, refuse } from '../filter.ts'
import type { Taint, Toleration } from '../types.ts'

const name = 'Taints'

/** Whether a toleration covers a taint: an absent key covers all keys, an absent effect all effects. */
export function tolerates({ key = '', operator = '', value = '', effect = '' }: Toleration, taint: Taint): boolean {
  if (effect !== '' && effect !== taint.effect) return false
  if (key === '') return operator === 'Exists'
  if (key !== taint.key) return false
  return operator === 'Exists' || value === (taint.value ?? '')
}

export const TAINTS: NodeFilter = {
  name,
  check:
    ({ vm: { tolerations } }) =>
    ({ taints }) => {
      if (taints.length === 0) return null
      const open = taints.filter((taint) => keepsOff(taint) && !tolerations.some((each) => tolerates(each, taint)))
      if (open.length === 0) return null
      const words = open.map((taint) => `the node has the taint ${taintWords(taint)}, which the VM does not tolerate`)
      return refuse(name, `taint ${taintWords(open[0] as Taint)} not tolerated`, words.join('; '))
    },
}

const keepsOff = ({ effect }: Taint): boolean => effect === 'NoSchedule' || effect === 'NoExecute'

export const taintWords = ({ key, value, effect }: Taint): string => `${key}${value ? `=${value}` : ''}:${effect}`
