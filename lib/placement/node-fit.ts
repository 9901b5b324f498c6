// Whether a VM may run on one node: selectors, node affinity, taints, neighbours, spread. Pure; the answer is in words.
import { neighbourReasons, noLabel } from './neighbours.ts'
import { describe, linesOf, matchesTerm, unsatisfied } from './selectors.ts'
import { taintReasons } from './taints.ts'
import type { CandidateNode, ClassPlacement, LabelsOfNamespace, PlacedVm } from './types.ts'

/** Every namespace has a label with its name; more of them come from whoever knows the objects. */
const nameLabelOnly: LabelsOfNamespace = (namespace) => ({ 'kubernetes.io/metadata.name': namespace })

/**
 * Why `node` is no place for `vm`; empty when it is one. Preferences are left out: one node has no better one beside it.
 * The class adds its selector and tolerations; where both name a label, the VM's value counts.
 */
export function fitsNode(
  vm: PlacedVm,
  classSpec: ClassPlacement,
  node: CandidateNode,
  vmsOnNode: readonly PlacedVm[],
  labelsOfNamespace: LabelsOfNamespace = nameLabelOnly,
): string[] {
  return [
    ...selectorReasons(vm, classSpec, node),
    ...nodeAffinityReasons(vm, node),
    ...taintReasons(node, [...(classSpec.tolerations ?? []), ...(vm.spec.tolerations ?? [])]),
    ...neighbourReasons(vm, { node, vms: vmsOnNode, labelsOfNamespace }),
    ...spreadReasons(vm, node),
  ]
}

function selectorReasons(vm: PlacedVm, classSpec: ClassPlacement, node: CandidateNode): readonly string[] {
  const labels = node.metadata.labels ?? {}
  const own = vm.spec.nodeSelector ?? {}
  const ofClass = linesOf({
    ...classSpec.nodeSelector,
    matchLabels: Object.fromEntries(
      Object.entries(classSpec.nodeSelector?.matchLabels ?? {}).filter(([key]) => !Object.hasOwn(own, key)),
    ),
  })
  const found = (key: string) => (Object.hasOwn(labels, key) ? `has ${key}=${labels[key]}` : `has no label ${key}`)
  return [
    ...unsatisfied(labels, linesOf({ matchLabels: own })).map(
      ({ key, values }) => `the VM's nodeSelector asks for ${key}=${values?.[0] ?? ''}, the node ${found(key)}`,
    ),
    ...unsatisfied(labels, ofClass).map(
      (line) => `the nodeSelector of the VM's class asks for ${describe(line)}, the node ${found(line.key)}`,
    ),
  ]
}

function nodeAffinityReasons({ spec }: PlacedVm, node: CandidateNode): readonly string[] {
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  if (!terms || terms.some((term) => matchesTerm(node, term))) return []
  const wanted = terms.map((term) => [...(term.matchExpressions ?? []), ...(term.matchFields ?? [])].map(describe))
  return [
    `the node does not match the VM's required node affinity: ${wanted.map((lines) => lines.join(' and ')).join(', or ')}`,
  ]
}

/** In a single domain the skew is 1 at most, so only a node outside all domains is no place. */
const spreadReasons = ({ spec }: PlacedVm, node: CandidateNode): readonly string[] =>
  (spec.topologySpreadConstraints ?? [])
    .filter(
      ({ topologyKey, whenUnsatisfiable }) =>
        whenUnsatisfiable === 'DoNotSchedule' && !Object.hasOwn(node.metadata.labels ?? {}, topologyKey),
    )
    .map(({ topologyKey }) => noLabel(topologyKey, 'topologySpreadConstraints'))
