// Taints that keep VMs off a node, and the tolerations that let them in.
import type { CandidateNode, Taint, Toleration } from './types.ts'

/** A cordoned node counts as tainted with this, so that it can be tolerated like any taint. */
const CORDON: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }

const KEEPS_OFF = ['NoSchedule', 'NoExecute']

/** Whether a toleration covers a taint: an absent key covers all keys, an absent effect all effects. */
export function tolerates({ key = '', operator = '', value = '', effect = '' }: Toleration, taint: Taint): boolean {
  if (effect !== '' && effect !== taint.effect) return false
  if (key === '') return operator === 'Exists'
  if (key !== taint.key) return false
  return operator === 'Exists' || value === (taint.value ?? '')
}

/** Why the node's taints keep a VM off, in words. */
export function taintReasons(node: CandidateNode, tolerations: readonly Toleration[]): readonly string[] {
  const taints = [...(node.spec?.unschedulable === true ? [CORDON] : []), ...(node.spec?.taints ?? [])]
  return taints
    .filter((taint) => KEEPS_OFF.includes(taint.effect) && !tolerations.some((each) => tolerates(each, taint)))
    .map((taint) =>
      taint === CORDON
        ? 'the node is cordoned'
        : `the node has the taint ${inWords(taint)}, which the VM does not tolerate`,
    )
}

const inWords = ({ key, value, effect }: Taint): string => `${key}${value ? `=${value}` : ''}:${effect}`
