// Required affinity and anti-affinity between VMs, judged on one node that is the whole of its topology domains.
import { linesOf, matches, unsatisfied } from './selectors.ts'
import type { CandidateNode, Labels, LabelsOfNamespace, NeighbourTerm, PlacedVm } from './types.ts'

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution'

export interface Neighbourhood {
  readonly node: CandidateNode
  /** VMs that have a place on the node; the one in question is left out by its uid. */
  readonly vms: readonly PlacedVm[]
  readonly labelsOfNamespace: LabelsOfNamespace
}

const affinityOf = ({ spec }: PlacedVm): readonly NeighbourTerm[] =>
  spec.affinity?.virtualMachineAndPodAffinity?.[REQUIRED] ?? []

const antiAffinityOf = ({ spec }: PlacedVm): readonly NeighbourTerm[] =>
  spec.affinity?.virtualMachineAndPodAntiAffinity?.[REQUIRED] ?? []

const labelsOf = ({ metadata }: PlacedVm): Labels => metadata.labels ?? {}
const titleOf = ({ metadata }: PlacedVm): string => `${metadata.namespace ?? ''}/${metadata.name}`

/** Whether `other` is one of the VMs that a term of `owner` speaks of. */
function selects(owner: PlacedVm, term: NeighbourTerm, other: PlacedVm, labelsOfNamespace: LabelsOfNamespace): boolean {
  if (!term.labelSelector || !inNamespaces(owner, term, other, labelsOfNamespace)) return false
  const own = labelsOf(owner)
  const byKey = (keys: readonly string[] | undefined, operator: string) =>
    (keys ?? []).flatMap((key) => {
      const value = Object.hasOwn(own, key) ? own[key] : undefined
      return value === undefined ? [] : [{ key, operator, values: [value] }]
    })
  const lines = [
    ...linesOf(term.labelSelector),
    ...byKey(term.matchLabelKeys, 'In'),
    ...byKey(term.mismatchLabelKeys, 'NotIn'),
  ]
  return unsatisfied(labelsOf(other), lines).length === 0
}

/** Listed and selected namespaces together; the owner's own when there are neither. */
function inNamespaces(
  owner: PlacedVm,
  { namespaces = [], namespaceSelector }: NeighbourTerm,
  other: PlacedVm,
  labelsOfNamespace: LabelsOfNamespace,
): boolean {
  const namespace = other.metadata.namespace ?? ''
  if (namespaces.length === 0 && !namespaceSelector) return namespace === owner.metadata.namespace
  return namespaces.includes(namespace) || matches(namespaceSelector, labelsOfNamespace(namespace))
}

const hasDomain = (node: CandidateNode, { topologyKey }: NeighbourTerm): boolean =>
  Object.hasOwn(node.metadata.labels ?? {}, topologyKey)

/** Why a VM's neighbours keep it off, in words. */
export function neighbourReasons(vm: PlacedVm, { node, vms, labelsOfNamespace }: Neighbourhood): readonly string[] {
  const others = vms.filter((other) => other.metadata.uid !== vm.metadata.uid)

  const missing = affinityOf(vm).flatMap((term) => {
    if (!hasDomain(node, term)) return [noLabel(term.topologyKey, 'affinity to other VMs')]
    const found = others.some((other) => selects(vm, term, other, labelsOfNamespace))
    // The first of a group that wants to be together may start alone.
    return found || selects(vm, term, vm, labelsOfNamespace)
      ? []
      : ['no VM on the node is one that the VM must be near (required affinity)']
  })

  const unwanted = antiAffinityOf(vm)
    .filter((term) => hasDomain(node, term))
    .flatMap((term) => {
      const other = others.find((each) => selects(vm, term, each, labelsOfNamespace))
      return other ? [`the VM must not be near ${titleOf(other)}, which is on the node (required anti-affinity)`] : []
    })

  const unwelcome = others.flatMap((other) =>
    antiAffinityOf(other).some((term) => hasDomain(node, term) && selects(other, term, vm, labelsOfNamespace))
      ? [`${titleOf(other)} is on the node and must not be near the VM (its required anti-affinity)`]
      : [],
  )
  return [...missing, ...unwanted, ...unwelcome]
}

/** Words for a node outside all domains of a key. */
export const noLabel = (key: string, what: string): string =>
  `the node has no label ${key}, which the VM's ${what} asks for`
