// Small worlds for tests of placement.
import { Cluster, type NodeFacts, nodeFacts, type VmFacts, vmFacts } from '../../../../lib/placement/index.ts'
import type { NeighbourTerm } from '../../../../lib/placement/types.ts'

export const GIB = 1024 ** 3
export const HOSTNAME = 'kubernetes.io/hostname'
export const ZONE = 'topology.kubernetes.io/zone'

/** A host with 8 cores and 16 GiB. */
export const host = (name: string, more: Partial<NodeFacts> = {}): NodeFacts =>
  nodeFacts({
    name,
    milliCpu: 8000,
    memoryBytes: 16 * GIB,
    ...more,
    labels: { [HOSTNAME]: name, ...more.labels },
  })

/** A VM with 1 core and 1 GiB. */
export const machine = (name: string, more: Partial<VmFacts> = {}): VmFacts =>
  vmFacts({ uid: `uid-${name}`, name, milliCpu: 1000, memoryBytes: GIB, ...more })

export const app = (value: string, topologyKey = HOSTNAME): NeighbourTerm => ({
  topologyKey,
  labelSelector: { matchLabels: { app: value } },
})

export function clusterOf(
  hosts: readonly NodeFacts[],
  placed: readonly (readonly [vm: VmFacts, node: string])[] = [],
): Cluster {
  const cluster = new Cluster()
  for (const facts of hosts) cluster.upsertNode(facts)
  for (const [vm, node] of placed) cluster.place(vm, node)
  return cluster
}
