// Shapes that placement reads as API objects have them: selectors, terms, taints, and the parts of VMs, classes and nodes that decide.

export type Labels = Readonly<Record<string, string>>

/** One line of a selector by expression. */
export interface Requirement {
  readonly key: string
  readonly operator: string
  readonly values?: readonly string[]
}

export interface LabelSelector {
  readonly matchLabels?: Labels
  readonly matchExpressions?: readonly Requirement[]
}

/** One alternative of a node affinity. */
export interface NodeTerm {
  readonly matchExpressions?: readonly Requirement[]
  readonly matchFields?: readonly Requirement[]
}

export interface Toleration {
  readonly key?: string
  readonly operator?: string
  readonly value?: string
  readonly effect?: string
}

export interface Taint {
  readonly key: string
  readonly value?: string
  readonly effect: string
}

/** Other VMs that must be near, or must not. */
export interface NeighbourTerm {
  readonly topologyKey: string
  readonly labelSelector?: LabelSelector
  readonly namespaceSelector?: LabelSelector
  readonly namespaces?: readonly string[]
  readonly matchLabelKeys?: readonly string[]
  readonly mismatchLabelKeys?: readonly string[]
}

/** Even numbers of the selected VMs of the own namespace in all domains of a node label. */
export interface SpreadConstraint {
  readonly topologyKey: string
  readonly whenUnsatisfiable: string
  readonly labelSelector?: LabelSelector
  /** How many more a domain may have than the emptiest one; 1 when absent. */
  readonly maxSkew?: number
}

interface NeighbourRules {
  readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly NeighbourTerm[]
  readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly {
    readonly weight: number
    readonly virtualMachineAndPodAffinityTerm: NeighbourTerm
  }[]
}

interface Metadata {
  readonly name: string
  readonly uid: string
  readonly namespace?: string
  readonly labels?: Labels
}

/** The placement half of a VirtualMachine. */
export interface PlacedVm {
  readonly metadata: Metadata
  readonly spec: {
    readonly nodeSelector?: Labels
    readonly tolerations?: readonly Toleration[]
    readonly affinity?: {
      readonly nodeAffinity?: {
        readonly requiredDuringSchedulingIgnoredDuringExecution?: { readonly nodeSelectorTerms: readonly NodeTerm[] }
        readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly {
          readonly weight: number
          readonly preference: NodeTerm
        }[]
      }
      readonly virtualMachineAndPodAffinity?: NeighbourRules
      readonly virtualMachineAndPodAntiAffinity?: NeighbourRules
    }
    readonly topologySpreadConstraints?: readonly SpreadConstraint[]
  }
}

/** The placement half of a VirtualMachineClass. */
export interface ClassPlacement {
  readonly nodeSelector?: LabelSelector
  readonly tolerations?: readonly Toleration[]
}

export interface CandidateNode {
  readonly metadata: Pick<Metadata, 'name' | 'labels'>
  readonly spec?: { readonly unschedulable?: boolean; readonly taints?: readonly Taint[] }
}

/** Labels of a namespace by its name. */
export type LabelsOfNamespace = (namespace: string) => Labels
