// Topology spread that must hold: no domain may get more than `maxSkew` ahead of the emptiest one. Domains are those of hosts that the
// VM's node selector, class and node affinity allow (Kubernetes' nodeAffinityPolicy Honor, nodeTaintsPolicy Ignore).
import type { Cluster } from '../cluster.ts'
import type { Ask, VmFacts } from '../facts.ts'
import { type Check, type Filter, LazyRefusal } from '../filter.ts'
import { isSelected, spreadSelection } from '../terms.ts'
import type { Topology } from '../topology.ts'
import type { SpreadConstraint } from '../types.ts'
import { noLabel } from './affinity.ts'
import { CLASS_SELECTOR } from './class-selector.ts'
import { NODE_AFFINITY } from './node-affinity.ts'
import { NODE_SELECTOR } from './node-selector.ts'

const name = 'Spread'

export const SPREAD: Filter = {
  name,
  prepare(ask, cluster) {
    const constraints = ask.vm.spread.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule')
    if (constraints.length === 0) return null
    const counts = countsOf(ask, constraints, cluster)
    const checks = constraints.map((constraint, index) => checkOf(ask.vm, constraint, counts[index] as Counts, cluster))
    return (host) => {
      for (const check of checks) {
        const refusal = check(host)
        if (refusal !== null) return refusal
      }
      return null
    }
  },
}

/** How many VMs of a constraint each domain has. */
export interface Counts {
  readonly topology: Topology
  /** -1: no allowed host is in it. */
  readonly perDomain: Int32Array
}

/** Of allowed hosts that are in a domain of every one of the constraints. */
export function countsOf(ask: Ask, constraints: readonly SpreadConstraint[], cluster: Cluster): readonly Counts[] {
  const all = constraints.map(({ topologyKey }): Counts => {
    const topology = cluster.topology(topologyKey)
    return { topology, perDomain: new Int32Array(topology.size).fill(-1) }
  })
  const allowed = allowedHosts(ask, all, cluster)
  for (const [index, { topology, perDomain }] of all.entries()) {
    const spec = spreadSelection(ask.vm, constraints[index]?.labelSelector)
    if (spec === null) continue
    for (const [host, members] of cluster.selection(spec).members) {
      if (host.slot < 0 || allowed[host.slot] === 0) continue
      const domain = topology.domainOf(host)
      perDomain[domain] = (perDomain[domain] ?? 0) + members.size
    }
  }
  return all
}

/** One per host's slot, 1 for those that count; opens their domains. */
function allowedHosts(ask: Ask, all: readonly Counts[], cluster: Cluster): Uint8Array {
  const { hosts } = cluster
  const rules = [NODE_SELECTOR, CLASS_SELECTOR, NODE_AFFINITY].flatMap((filter) => filter.prepare(ask, cluster) ?? [])
  const allowed = new Uint8Array(hosts.length)
  for (const host of hosts) {
    if (rules.length > 0 && rules.some((check) => check(host) !== null)) continue
    if (all.some(({ topology }) => topology.domainOf(host) < 0)) continue
    allowed[host.slot] = 1
    for (const { topology, perDomain } of all) perDomain[topology.domainOf(host)] = 0
  }
  return allowed
}

function checkOf(vm: VmFacts, constraint: SpreadConstraint, { topology, perDomain }: Counts, cluster: Cluster): Check {
  const { topologyKey, labelSelector, maxSkew = 1 } = constraint
  const outside = noLabel(name, topologyKey, 'topologySpreadConstraints')
  const spec = spreadSelection(vm, labelSelector)
  const self = spec !== null && isSelected(spec, vm, (each) => cluster.labelsOfNamespace(each)) ? 1 : 0
  let least = Infinity
  for (const count of perDomain) if (count >= 0 && count < least) least = count
  return (host) => {
    const domain = topology.domainOf(host)
    if (domain < 0) return outside
    // A domain that no allowed host is in is none to compare with; other rules refuse its hosts.
    const count = Math.max(0, perDomain[domain] ?? 0)
    const skew = count + self - (least === Infinity ? 0 : least)
    if (skew <= maxSkew) return null
    const words = () =>
      `with the VM, ${topologyKey}=${topology.values[domain]} would have ${count + self} of the VMs that ` +
      `topologySpreadConstraints counts, ${skew} more than the emptiest domain; ${maxSkew} more at most`
    return new LazyRefusal(name, `too many of its kind (topology spread by ${topologyKey})`, words, true)
  }
}
