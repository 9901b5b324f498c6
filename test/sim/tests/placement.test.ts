// Random small clusters: a machine gets a place when there is one, by a judge that knows nothing of the core's indexes and shortcuts.
import { expect, it } from 'vitest'
import { Cluster, decide, type NodeFacts, nodeFacts, type VmFacts, vmFacts } from '../../../lib/placement/index.ts'
import type { NeighbourTerm } from '../../../lib/placement/types.ts'
import { itemAt, Random } from '../../chaos/random.ts'

const HOSTNAME = 'kubernetes.io/hostname'
const ZONE = 'topology.kubernetes.io/zone'
const GIB = 1024 ** 3
const APPS = ['web', 'db', 'cache']
const CASES = process.env.BERTH_LONG === '1' ? 20_000 : 2_000
const SEED = Number(process.env.BERTH_SEED ?? 5)

interface Placed {
  readonly vm: VmFacts
  readonly node: NodeFacts
}

const matches = (term: NeighbourTerm, other: VmFacts): boolean =>
  Object.entries(term.labelSelector?.matchLabels ?? {}).every(([key, value]) => other.labels[key] === value)

const domain = (node: NodeFacts, key: string): string | undefined => node.labels[key]

/** Whether the machine may be there, by all rules at once and by looking at everything. */
function mayBe(vm: VmFacts, node: NodeFacts, nodes: readonly NodeFacts[], placed: readonly Placed[]): boolean {
  const here = placed.filter((one) => one.node.name === node.name)
  const sum = (of: (facts: VmFacts) => number) => here.reduce((total, one) => total + of(one.vm), of(vm))
  if (node.unschedulable || node.notReady !== null) return false
  if (sum(({ milliCpu }) => milliCpu) > node.milliCpu || sum(({ memoryBytes }) => memoryBytes) > node.memoryBytes)
    return false
  if (!Object.entries(vm.nodeSelector).every(([key, value]) => node.labels[key] === value)) return false
  const intolerable = node.taints.some(
    ({ key, effect }) =>
      effect === 'NoSchedule' && !vm.tolerations.some((one) => one.key === key && one.operator === 'Exists'),
  )
  if (intolerable) return false
  const together = ({ topologyKey }: NeighbourTerm, other: NodeFacts) =>
    domain(node, topologyKey) !== undefined && domain(node, topologyKey) === domain(other, topologyKey)
  const mine = vm.apart.some((term) => placed.some((one) => matches(term, one.vm) && together(term, one.node)))
  const theirs = placed.some((one) => one.vm.apart.some((term) => matches(term, vm) && together(term, one.node)))
  if (mine || theirs) return false
  const near = vm.near.every((term) => {
    if (domain(node, term.topologyKey) === undefined) return false
    if (placed.some((one) => matches(term, one.vm) && together(term, one.node))) return true
    // The first of a group that wants to be together.
    return (
      matches(term, vm) &&
      !placed.some((one) => matches(term, one.vm) && domain(one.node, term.topologyKey) !== undefined)
    )
  })
  if (!near) return false
  return vm.spread.every(({ topologyKey, labelSelector, maxSkew = 1 }) => {
    const own = domain(node, topologyKey)
    if (own === undefined) return false
    // As Kubernetes counts: hosts that the machine's selector leaves out are none of its domains, and what is on them counts nowhere.
    const allowed = nodes.filter((one) =>
      Object.entries(vm.nodeSelector).every(([key, value]) => one.labels[key] === value),
    )
    const term: NeighbourTerm = { topologyKey, labelSelector: labelSelector ?? {} }
    const counted = (value: string) =>
      placed.filter(
        (one) => allowed.includes(one.node) && domain(one.node, topologyKey) === value && matches(term, one.vm),
      ).length
    const domains = new Set(allowed.flatMap((one) => domain(one, topologyKey) ?? []))
    const least = Math.min(...[...domains].map(counted))
    const itself = matches(term, vm) ? 1 : 0
    return counted(own) + itself - least <= maxSkew
  })
}

function drawn(random: Random) {
  const chance = (share: number) => random.next() < share
  const pick = <T>(list: readonly T[]): T => itemAt(list, random.next()) as T
  const term = (): NeighbourTerm => ({
    topologyKey: pick([HOSTNAME, ZONE]),
    labelSelector: { matchLabels: { app: pick(APPS) } },
  })
  const nodes = Array.from({ length: random.between(1, 4) }, (_, index): NodeFacts => {
    const name = `h${index}`
    const zone = chance(0.8) ? { [ZONE]: pick(['a', 'b']) } : {}
    return nodeFacts({
      name,
      milliCpu: random.between(1, 6) * 1000,
      memoryBytes: random.between(1, 6) * GIB,
      labels: { [HOSTNAME]: name, disk: pick(['ssd', 'hdd']), ...zone },
      unschedulable: chance(0.1),
      notReady: chance(0.1) ? 'it does not answer' : null,
      taints: chance(0.2) ? [{ key: 'special', value: '', effect: 'NoSchedule' }] : [],
    })
  })
  const vms = Array.from({ length: random.between(1, 10) }, (_, index): VmFacts => {
    const app = pick(APPS)
    return vmFacts({
      uid: `u${index}`,
      name: `vm-${index}`,
      labels: { app },
      milliCpu: random.between(1, 4) * 500,
      memoryBytes: (random.between(1, 4) * GIB) / 2,
      nodeSelector: chance(0.2) ? { disk: pick(['ssd', 'hdd']) } : {},
      tolerations: chance(0.2) ? [{ key: 'special', operator: 'Exists' }] : [],
      apart: chance(0.3) ? [term()] : [],
      near: chance(0.2) ? [term()] : [],
      spread: chance(0.2)
        ? [
            {
              topologyKey: pick([HOSTNAME, ZONE]),
              whenUnsatisfiable: 'DoNotSchedule',
              maxSkew: random.between(1, 2),
              labelSelector: { matchLabels: { app } },
            },
          ]
        : [],
    })
  })
  return { nodes, vms }
}

it(`a machine gets a place when there is one, and only one that is right (seed ${SEED}, ${CASES} clusters)`, () => {
  let [refused, taken] = [0, 0]
  for (let number = 0; number < CASES; number++) {
    const random = new Random(SEED, `cluster ${number}`)
    const { nodes, vms } = drawn(random)
    const cluster = new Cluster()
    for (const node of nodes) cluster.upsertNode(node)
    const placed: Placed[] = []
    for (const vm of vms) {
      const fit = nodes.filter((node) => mayBe(vm, node, nodes, placed)).map(({ name }) => name)
      const { node } = decide(cluster, { vm })
      const words = `cluster ${number}, ${vm.name} of ${JSON.stringify({ nodes, vm, placed: placed.map((one) => [one.vm.name, one.node.name]) })}`
      if (node === null) expect(fit, words).toEqual([])
      else expect(fit, words).toContain(node)
      const host = nodes.find(({ name }) => name === node)
      if (host === undefined) refused += 1
      else {
        taken += 1
        placed.push({ vm, node: host })
      }
      // Places are given back, too.
      if (placed.length > 2 && random.next() < 0.2) {
        const [gone] = placed.splice(random.between(0, placed.length - 1), 1)
        if (gone !== undefined) cluster.release(gone.vm.uid)
      }
    }
  }
  expect(refused).toBeGreaterThan(CASES / 4)
  expect(taken).toBeGreaterThan(CASES)
})
