// Hosts that the one who asks wants, or does not want.
import type { Ask } from '../facts.ts'
import { type Filter, type NodeCheck, refuse, ruleOfNodes } from '../filter.ts'
import { linesOf, unsatisfied } from '../selectors.ts'

const name = 'Asked'
const LEAVING = 'the VM has left the node, which has not yet removed all that it had of it'

export const ASKED: Filter = {
  name,
  prepare(ask, scene) {
    const { only, not, leaving, dead, current, migrate, nodeSelector } = ask
    const wishes = [only, not, leaving, dead, nodeSelector]
    if (migrate !== true && wishes.every((wish) => wish === undefined)) return null
    return ruleOfNodes(checkOf(ask, migrate === true ? current : undefined), scene.facts)
  },
}

function checkOf({ only, not, leaving, dead, nodeSelector }: Ask, source: string | undefined): NodeCheck {
  const lines = linesOf({ matchLabels: nodeSelector ?? {} })
  return (host) => {
    if (host.name === source) return refuse(name, 'where it is now', 'the VM is there now')
    if (host.name === dead) return refuse(name, 'dead', 'the host is dead')
    if (leaving?.has(host.name) === true) return refuse(name, 'still letting it go', LEAVING)
    if (only !== undefined && !only.nodes.has(host.name)) return refuse(name, 'not asked for', only.words)
    const [open] = lines.length === 0 ? [] : unsatisfied(host.labels, lines)
    if (open !== undefined) {
      const words = `the operation asks for ${open.key}=${open.values?.[0] ?? ''}, which the node does not have`
      return refuse(name, 'not asked for', words)
    }
    const why = not?.get(host.name)
    return why === undefined ? null : refuse(name, 'refused it just now', why)
  }
}
