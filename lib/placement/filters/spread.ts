// Topology spread that must hold: no domain may get more than `maxSkew` ahead of the emptiest one.
import type { VmFacts } from '../facts.ts'
import { allOf, type Filter, type Rule, refuse } from '../filter.ts'
import type { Scene } from '../scene.ts'
import { type Counts, countsOf } from '../spread-counts.ts'
import { isSelected, spreadSelection } from '../terms.ts'
import type { SpreadConstraint } from '../types.ts'
import { noLabel } from './affinity.ts'

const name = 'Spread'

export const SPREAD: Filter = {
  name,
  prepare({ vm }, scene) {
    const constraints = vm.spread.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule')
    if (constraints.length === 0) return null
    const counts = countsOf(vm, constraints, scene)
    return allOf(constraints.map((constraint, index) => ruleOf(vm, constraint, counts[index] as Counts, scene)))
  },
}

function ruleOf(vm: VmFacts, constraint: SpreadConstraint, { topology, perDomain }: Counts, scene: Scene): Rule {
  const { topologyKey, labelSelector, maxSkew = 1 } = constraint
  const spec = spreadSelection(vm, labelSelector)
  const self = spec !== null && isSelected(spec, vm, (each) => scene.labelsOfNamespace(each)) ? 1 : 0
  let least = Infinity
  for (const count of perDomain) if (count >= 0 && count < least) least = count
  if (least === Infinity) least = 0
  // A domain that no allowed host is in is none to compare with; other rules refuse its hosts.
  const withIt = (domain: number) => Math.max(0, perDomain[domain] ?? 0) + self
  // There are few domains, and every host is asked about.
  const open = Uint8Array.from(perDomain, (_, domain) => (withIt(domain) - least <= maxSkew ? 1 : 0))
  return {
    fits: (slot) => open[topology.domainOf(slot)] === 1,
    why: (slot) => {
      const domain = topology.domainOf(slot)
      if (domain < 0) return noLabel(name, topologyKey, 'topologySpreadConstraints')
      const words =
        `with the VM, ${topologyKey}=${topology.values[domain]} would have ${withIt(domain)} of the VMs that ` +
        `topologySpreadConstraints counts, ${withIt(domain) - least} more than the emptiest domain; ${maxSkew} more at most`
      return refuse(name, `too many of its kind (topology spread by ${topologyKey})`, words, true)
    },
  }
}
