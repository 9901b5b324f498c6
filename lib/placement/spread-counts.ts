// What a topology spread counts: the VMs of a constraint, per domain. Domains are those of hosts that the VM's node selector, class and node
// affinity allow (Kubernetes' nodeAffinityPolicy Honor, nodeTaintsPolicy Ignore).
import type { VmFacts } from './facts.ts'
import { CLASS_SELECTOR } from './filters/class-selector.ts'
import { NODE_AFFINITY } from './filters/node-affinity.ts'
import { NODE_SELECTOR } from './filters/node-selector.ts'
import type { Domains, Scene } from './scene.ts'
import { spreadSelection } from './terms.ts'
import type { Topology } from './topology.ts'
import type { SpreadConstraint } from './types.ts'

/** How many VMs of a constraint each domain has. */
export interface Counts {
  readonly topology: Topology
  /** -1: no allowed host is in it. */
  readonly perDomain: Int32Array
}

/** Of allowed hosts that are in a domain of every one of the constraints. */
export function countsOf(vm: VmFacts, constraints: readonly SpreadConstraint[], scene: Scene): readonly Counts[] {
  const { allowed, empty } = domainsOf(
    vm,
    constraints.map(({ topologyKey }) => topologyKey),
    scene,
  )
  return constraints.map(({ topologyKey, labelSelector }, index) => {
    const topology = scene.topology(topologyKey)
    const perDomain = empty[index]?.slice() ?? new Int32Array()
    const spec = spreadSelection(vm, labelSelector)
    if (spec !== null)
      for (const [{ slot }, members] of scene.selection(spec).members) {
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

function domainsOf(vm: VmFacts, keys: readonly string[], scene: Scene): Domains {
  const { roster } = scene
  const read = readOf(vm)
  return roster.domains.of(JSON.stringify([keys, read]), () => {
    const checks = [NODE_SELECTOR, CLASS_SELECTOR, NODE_AFFINITY].flatMap((filter) => filter.check({ vm: read }) ?? [])
    const topologies = keys.map((key) => scene.topology(key))
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
