// Whether a VM may run on one node by the rules about labels, taints and neighbours, for a host that is alone. The answer is in words.
import { nodeRulesOf, vmRulesOf } from './adapt.ts'
import { Cluster } from './cluster.ts'
import { type Ask, nodeFacts, vmFacts } from './facts.ts'
import { ruleOf } from './filter.ts'
import { LABEL_RULES } from './filters/index.ts'
import type { CandidateNode, ClassPlacement, LabelsOfNamespace, PlacedVm } from './types.ts'

/**
 * Why `node` is no place for `vm`; empty when it is one. Preferences are left out: one node has no better one beside it. What the VM takes of
 * the host is judged elsewhere, by what runs there.
 */
export function fitsNode(
  vm: PlacedVm,
  classSpec: ClassPlacement,
  node: CandidateNode,
  vmsOnNode: readonly PlacedVm[],
  labelsOfNamespace?: LabelsOfNamespace,
): string[] {
  const others = vmsOnNode.filter((other) => other.metadata.uid !== vm.metadata.uid)
  const cluster = new Cluster()
  const host = nodeFacts(nodeRulesOf(node))
  cluster.upsertNode(host)
  for (const { metadata } of labelsOfNamespace === undefined ? [] : [vm, ...others]) {
    const namespace = metadata.namespace ?? ''
    cluster.upsertNamespace(namespace, labelsOfNamespace?.(namespace) ?? {})
  }
  // Without a rule about neighbours on either side there is nothing to look at them for.
  if ([vm, ...others].some(hasNeighbourRules))
    for (const other of others) cluster.place(vmFacts(vmRulesOf(other, {})), host.name)
  const ask: Ask = { vm: vmFacts(vmRulesOf(vm, classSpec)) }
  // The only host has the first slot.
  return LABEL_RULES.flatMap((filter) => {
    const rule = ruleOf(filter, ask, cluster)
    return rule === null || rule.fits(0) ? [] : rule.why(0).words
  })
}

const hasNeighbourRules = ({ spec: { affinity, topologySpreadConstraints = [] } }: PlacedVm): boolean =>
  affinity?.virtualMachineAndPodAffinity !== undefined ||
  affinity?.virtualMachineAndPodAntiAffinity !== undefined ||
  topologySpreadConstraints.length > 0
