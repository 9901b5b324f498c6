// The VM's own node selector.
import { type NodeFilter, refuse } from '../filter.ts'
import { linesOf, unsatisfied } from '../selectors.ts'
import type { Labels } from '../types.ts'

const name = 'NodeSelector'

export const NODE_SELECTOR: NodeFilter<'nodeSelector'> = {
  name,
  check({ vm: { nodeSelector } }) {
    const lines = linesOf({ matchLabels: nodeSelector })
    if (lines.length === 0) return null
    return ({ labels }) => {
      const open = unsatisfied(labels, lines)
      if (open.length === 0) return null
      const words = open.map(
        ({ key, values }) =>
          `the VM's nodeSelector asks for ${key}=${values?.[0] ?? ''}, the node ${foundWords(labels, key)}`,
      )
      return refuse(name, "other labels than the VM's nodeSelector asks for", words.join('; '))
    }
  },
}

export const foundWords = (labels: Labels, key: string): string =>
  Object.hasOwn(labels, key) ? `has ${key}=${labels[key]}` : `has no label ${key}`
