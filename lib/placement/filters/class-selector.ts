// The node selector of the VM's class. Where the VM's own names the same label, the VM's value counts.
import { type NodeFilter, refuse } from '../filter.ts'
import { describe, linesOf, unsatisfied } from '../selectors.ts'
import { foundWords } from './node-selector.ts'

const name = 'ClassSelector'

export const CLASS_SELECTOR: NodeFilter<'classSelector' | 'nodeSelector'> = {
  name,
  check({ vm: { classSelector, nodeSelector } }) {
    if (classSelector === null) return null
    const labels = Object.entries(classSelector.matchLabels ?? {}).filter(([key]) => !Object.hasOwn(nodeSelector, key))
    const lines = linesOf({ ...classSelector, matchLabels: Object.fromEntries(labels) })
    if (lines.length === 0) return null
    return ({ labels: found }) => {
      const open = unsatisfied(found, lines)
      if (open.length === 0) return null
      const words = open.map(
        (line) =>
          `the nodeSelector of the VM's class asks for ${describe(line)}, the node ${foundWords(found, line.key)}`,
      )
      return refuse(name, "other labels than the VM's class asks for", words.join('; '))
    }
  },
}
