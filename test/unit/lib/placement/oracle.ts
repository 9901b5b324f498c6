// Placement the slow and simple way: every rule by looking at all VMs. What the indexed core answers is compared with it.
import type { NodeFacts, VmFacts } from '../../../../lib/placement/index.ts'
import { matches, unsatisfied } from '../../../../lib/placement/selectors.ts'
import type { LabelSelector, Labels, NeighbourTerm, Taint } from '../../../../lib/placement/types.ts'

export type Placed = readonly (readonly [vm: VmFacts, node: string])[]

export interface World {
  readonly hosts: readonly NodeFacts[]
  readonly placed: Placed
  readonly namespaces: Readonly<Record<string, Labels>>
}

const namespaceLabels = ({ namespaces }: World, name: string): Labels =>
  namespaces[name] ?? { 'kubernetes.io/metadata.name': name }

function selects(world: World, owner: VmFacts, term: NeighbourTerm, other: VmFacts): boolean {
  if (term.labelSelector === undefined || !matches(term.labelSelector, other.labels)) return false
  for (const key of term.matchLabelKeys ?? [])
    if (owner.labels[key] !== undefined && owner.labels[key] !== other.labels[key]) return false
  for (const key of term.mismatchLabelKeys ?? [])
    if (owner.labels[key] !== undefined && owner.labels[key] === other.labels[key]) return false
  const listed = term.namespaces ?? []
  if (listed.length === 0 && term.namespaceSelector === undefined) return other.namespace === owner.namespace
  return listed.includes(other.namespace) || matches(term.namespaceSelector, namespaceLabels(world, other.namespace))
}

const domain = (world: World, node: string, key: string): string | undefined =>
  world.hosts.find(({ name }) => name === node)?.labels[key]

const inDomain = (world: World, key: string, value: string, others: Placed): Placed =>
  others.filter(([, node]) => domain(world, node, key) === value)

/** Required affinity of a VM on a host, with the others where they are. */
export function nearHolds(world: World, vm: VmFacts, host: NodeFacts): boolean {
  const others = world.placed.filter(([{ uid }]) => uid !== vm.uid)
  return vm.near.every((term) => {
    const value = host.labels[term.topologyKey]
    if (value === undefined) return false
    const all = others.filter(([, node]) => domain(world, node, term.topologyKey) !== undefined)
    const anywhere = all.some(([other]) => selects(world, vm, term, other))
    if (!anywhere && selects(world, vm, term, vm)) return true
    return inDomain(world, term.topologyKey, value, others).some(([other]) => selects(world, vm, term, other))
  })
}

function apartHolds(world: World, vm: VmFacts, host: NodeFacts): boolean {
  const others = world.placed.filter(([{ uid }]) => uid !== vm.uid)
  const collides = (owner: VmFacts, other: VmFacts, node: string) =>
    owner.apart.some((term) => {
      const value = host.labels[term.topologyKey]
      return (
        value !== undefined && domain(world, node, term.topologyKey) === value && selects(world, owner, term, other)
      )
    })
  return !others.some(([other, node]) => collides(vm, other, node) || collides(other, vm, node))
}

function spreadHolds(world: World, vm: VmFacts, host: NodeFacts): boolean {
  const hard = vm.spread.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule')
  const counts = (labels: Labels, namespace: string, selector: LabelSelector | undefined) =>
    namespace === vm.namespace && matches(selector, labels)
  const eligible = world.hosts.filter(
    (each) => labelsHold(vm, each) && hard.every(({ topologyKey }) => each.labels[topologyKey] !== undefined),
  )
  return hard.every(({ topologyKey, labelSelector, maxSkew = 1 }) => {
    const own = host.labels[topologyKey]
    if (own === undefined) return false
    const numbers = new Map(eligible.map(({ labels }) => [labels[topologyKey] ?? '', 0]))
    for (const [other, node] of world.placed) {
      if (other.uid === vm.uid || !counts(other.labels, other.namespace, labelSelector)) continue
      const at = eligible.find(({ name }) => name === node)?.labels[topologyKey]
      if (at !== undefined) numbers.set(at, (numbers.get(at) ?? 0) + 1)
    }
    const self = counts(vm.labels, vm.namespace, labelSelector) ? 1 : 0
    const least = numbers.size === 0 ? 0 : Math.min(...numbers.values())
    return (numbers.get(own) ?? 0) + self - least <= maxSkew
  })
}

const labelsHold = (vm: VmFacts, { labels }: NodeFacts): boolean =>
  unsatisfied(
    labels,
    Object.entries(vm.nodeSelector).map(([key, value]) => ({ key, operator: 'In', values: [value] })),
  ).length === 0

const tolerated = (vm: VmFacts, taint: Taint): boolean =>
  taint.effect === 'PreferNoSchedule' || vm.tolerations.some(({ key }) => key === taint.key)

function roomHolds(world: World, vm: VmFacts, host: NodeFacts): boolean {
  const here = world.placed.filter(([{ uid }, node]) => node === host.name && uid !== vm.uid)
  const sum = (amount: (of: VmFacts) => number) => here.reduce((total, [other]) => total + amount(other), amount(vm))
  return (
    (vm.milliCpu === 0 || sum(({ milliCpu }) => milliCpu) <= host.milliCpu) &&
    (vm.memoryBytes === 0 || sum(({ memoryBytes }) => memoryBytes) <= host.memoryBytes)
  )
}

/** All rules but required affinity. */
export const othersHold = (world: World, vm: VmFacts, host: NodeFacts): boolean =>
  !host.unschedulable &&
  host.taints.every((taint) => tolerated(vm, taint)) &&
  labelsHold(vm, host) &&
  roomHolds(world, vm, host) &&
  apartHolds(world, vm, host) &&
  spreadHolds(world, vm, host)

export const fits = (world: World, vm: VmFacts, host: NodeFacts): boolean =>
  othersHold(world, vm, host) && nearHolds(world, vm, host)

/** Whether some way to place all VMs exists: every assignment is tried. For VMs without spread, whose order does not matter. */
export function placementExists(world: World, vms: readonly VmFacts[]): boolean {
  const go = (index: number, placed: Placed): boolean => {
    const vm = vms[index]
    if (vm === undefined)
      return vms.every((each) => {
        const node = placed.find(([{ uid }]) => uid === each.uid)?.[1]
        const host = world.hosts.find(({ name }) => name === node)
        return host !== undefined && nearHolds({ ...world, placed }, each, host)
      })
    return world.hosts.some(
      (host) => othersHold({ ...world, placed }, vm, host) && go(index + 1, [...placed, [vm, host.name]]),
    )
  }
  return go(0, world.placed)
}
