// What a topology spread counts: the VMs of a constraint, per domain. Domains are those of hosts that the VM's node selector, class and node
// affinity allow (Kubernetes' nodeAffinityPolicy Honor, nodeTaintsPolicy Ignore).
import type { Cluster } from './cluster.ts'
import type { VmFacts } from './facts.ts'
import { CLASS_SELECTOR } from './filters/class-selector.ts'
import { NODE_AFFINITY } from './filters/node-affinity.ts'
import { NODE_SELECTOR } from './filters/node-selector.ts'
import { spreadSelection } from './terms.ts'
import type { Topology } from './topology.ts'
import type { SpreadConstraint } from './types.ts'

/** What the hosts' own facts say of a spread over some node labels: kept until a host changes. */
export interface Domains {
  /** By slot, 1 for a host that is allowed, and in a domain of every one of the labels. */
  readonly allowed: Uint8Array
  /** By label and domain: 0, or -1 when no allowed host is in it. */
  readonly empty: readonly Int32Array[]
}

/** How many VMs of a constraint each domain has. */
export interface Counts {
  readonly topology: Topology
  /** -1: no allowed host is in it. */
  readonly perDomain: Int32Array
}

/** Of allowed hosts that are in a domain of every one of the constraints. */
export function countsOf(vm: VmFacts, constraints: readonly SpreadConstraint[], cluster: Cluster): readonly Counts[] {
  const { allowed, empty } = domainsOf(
    vm,
    constraints.map(({ topologyKey }) => topologyKey),
    cluster,
  )
  return constraints.map(({ topologyKey, labelSelector }, index) => {
    const topology = cluster.topology(topologyKey)
    const perDomain = empty[index]?.slice() ?? new Int32Array()
    const spec = spreadSelection(vm, labelSelector)
    if (spec !== null)
      for (const [{ slot }, members] of cluster.selection(spec).members) {
        if (slot < 0 || allowed[slot] === 0) continue
        const domain = topology.domainOf(slot)
        perDomain[domain] = (perDomain[domain] ?? 0) + members.size
      }
    return { topology, perDomain }
  })
}

/** All that decides which hosts count. */
const readOf = ({ nodeSelector, classSelector, nodeAffinity }: VmFacts) => ({
  nodeSelector,
  classSelector,
  nodeAffinity,
})

function domainsOf(vm: VmFacts, keys: readonly string[], cluster: Cluster): Domains {
  const { roster } = cluster
  const read = readOf(vm)
  return roster.domains.of(JSON.stringify([keys, read]), () => {
    const checks = [NODE_SELECTOR, CLASS_SELECTOR, NODE_AFFINITY].flatMap((filter) => filter.check({ vm: read }) ?? [])
    const topologies = keys.map((key) => cluster.topology(key))
    const empty = topologies.map(({ size }) => new Int32Array(size).fill(-1))
    const allowed = Uint8Array.from(roster.facts, (host, slot) => {
      if (topologies.some((topology) => topology.domainOf(slot) < 0)) return 0
      if (checks.some((check) => check(host) !== null)) return 0
      for (const [index, perDomain] of empty.entries()) perDomain[topologies[index]?.domainOf(slot) ?? -1] = 0
      return 1
    })
    return { allowed, empty }
  })
}
