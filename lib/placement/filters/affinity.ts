// VMs that the VM must be near: some VM of each term in the host's domain.
import type { VmFacts } from '../facts.ts'
import { allOf, type Filter, type Refusal, type Rule, refuse } from '../filter.ts'
import type { Scene } from '../scene.ts'
import { describe } from '../selectors.ts'
import { isSelected, type SelectionSpec, selectionOf } from '../terms.ts'
import type { NeighbourTerm } from '../types.ts'

const name = 'Affinity'
const WHAT = 'affinity to other VMs'

export const AFFINITY: Filter = {
  name,
  prepare: ({ vm, expected = [] }, scene) => allOf(vm.near.map((term) => ruleOf(vm, term, { scene, expected }))),
}

interface Sight {
  readonly scene: Scene
  /** VMs that will come. */
  readonly expected: readonly VmFacts[]
}

function ruleOf(vm: VmFacts, term: NeighbourTerm, { scene, expected }: Sight): Rule {
  const topology = scene.topology(term.topologyKey)
  const spec = selectionOf(vm, term)
  const here = new Uint8Array(topology.size)
  let anywhere = false
  for (const { slot } of spec === null ? [] : scene.selection(spec).members.keys()) {
    const domain = topology.domainOf(slot)
    if (domain < 0) continue
    here[domain] = 1
    anywhere = true
  }
  const selects = (other: VmFacts): boolean =>
    spec !== null && isSelected(spec, other, (each) => scene.labelsOfNamespace(each))
  // The first of a group that wants to be together may start alone.
  const alone = (!anywhere && selects(vm)) || expected.some(selects)
  return {
    fits: (slot) => {
      const domain = topology.domainOf(slot)
      return domain >= 0 && (alone || here[domain] === 1)
    },
    why: (slot) =>
      topology.domainOf(slot) < 0
        ? noLabel(name, term.topologyKey, WHAT)
        : missingOne(spec, term.topologyKey, anywhere),
  }
}

function missingOne(spec: SelectionSpec | null, topologyKey: string, anywhere: boolean): Refusal {
  const group = anywhere
    ? 'without a VM that it must be near (required affinity)'
    : 'without a VM that it must be near, which is placed nowhere (required affinity)'
  const sought = spec === null ? 'the term has no labelSelector, which no VM matches' : soughtWords(spec)
  const where = topologyKey === 'kubernetes.io/hostname' ? 'on the node' : `in the node's ${topologyKey}`
  return refuse(name, group, `no VM ${where} is one that the VM must be near (required affinity: ${sought})`)
}

const soughtWords = ({ lines }: SelectionSpec): string =>
  lines.length === 0 ? 'any VM of its namespaces' : lines.map(describe).join(' and ')

/** A host outside all domains of a node label. */
export const noLabel = (filter: Refusal['filter'], key: string, what: string): Refusal =>
  refuse(filter, `no label ${key}`, `the node has no label ${key}, which the VM's ${what} asks for`)
