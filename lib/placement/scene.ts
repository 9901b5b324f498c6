// What filters and scores may read of a cluster: facts, amounts and terms of all hosts, and nothing that changes them.
import type { Measure, Numbers } from './column.ts'
import type { NodeFacts, VmFacts } from './facts.ts'
import type { Selection } from './selections.ts'
import type { SelectionSpec } from './terms.ts'
import type { Topology } from './topology.ts'
import type { Labels } from './types.ts'

/** What the hosts' own facts say of a spread over some node labels: kept until a host changes. */
export interface Domains {
  /** By slot, 1 for a host that is allowed, and in a domain of every one of the labels. */
  readonly allowed: Uint8Array
  /** By label and domain: 0, or -1 when no allowed host is in it. */
  readonly empty: readonly Int32Array[]
}

export interface Scene {
  /** Of the known hosts, by slot. */
  readonly facts: readonly NodeFacts[]
  readonly roster: {
    readonly facts: readonly NodeFacts[]
    /** What topology spreads count by, by node labels and by what the VM asks of a host; made at the first question. */
    readonly domains: { of(key: string, make: () => Domains): Domains }
    /** A measure of all hosts at this moment. */
    numbers(measure: Measure): Numbers
  }
  topology(key: string): Topology
  /** The VMs of a term, indexed. */
  selection(spec: SelectionSpec): Selection
  /** Selections that a VM, placed or not, is one of. */
  selectionsWith(vm: VmFacts): readonly Selection[]
  labelsOfNamespace(name: string): Labels
}
