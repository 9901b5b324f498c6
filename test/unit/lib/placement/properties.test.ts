import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  Cluster,
  type Decision,
  decide,
  decideGroup,
  explain,
  type NodeFacts,
  preempt,
  proposeMoves,
  type VmFacts,
} from '../../../../lib/placement/index.ts'
import { hostNamed, hosts, namespaces, vmNamed, vms, withAmounts, withRoom } from './arbitraries.ts'
import { fits, othersHold, type Placed, placementExists, type World } from './oracle.ts'

/** Hundreds of clusters each; a busy machine takes its time. */
const SLOW = { timeout: 60_000 }

/** Of properties without promises. */
function holds<T>(property: fc.IProperty<T>, numRuns: number): void {
  void fc.assert(property, { numRuns })
}

const clusterOf = (world: World): Cluster => {
  const cluster = new Cluster()
  for (const [name, labels] of Object.entries(world.namespaces)) cluster.upsertNamespace(name, labels)
  for (const host of world.hosts) cluster.upsertNode(host)
  for (const [vm, node] of world.placed) cluster.place(vm, node)
  return cluster
}

const placedIn = (cluster: Cluster, all: readonly VmFacts[]): Placed =>
  all.flatMap((vm) => cluster.placesOf(vm.uid).map((node) => [vm, node] as const))

const worlds = fc.record({ hosts: hosts(4), vms: vms(6), namespaces })

const overbooked = ({ hosts: all, placed }: World): readonly NodeFacts[] =>
  all.filter((host) => {
    const here = placed.filter(([, node]) => node === host.name)
    const sum = (amount: (vm: VmFacts) => number) => here.reduce((total, [vm]) => total + amount(vm), 0)
    return sum(({ milliCpu }) => milliCpu) > host.milliCpu || sum(({ memoryBytes }) => memoryBytes) > host.memoryBytes
  })

/** All answers to a question about a cluster, as plain data. */
const answers = (cluster: Cluster, vm: VmFacts) =>
  explain(cluster, { vm }).map((host) =>
    host.fit ? host : { node: host.node, reasons: host.reasons.map(({ words }) => words) },
  )

describe('decisions, against looking at everything', SLOW, () => {
  it('a host is fit exactly when every rule holds, and a VM is placed exactly when a host is fit', () => {
    holds(
      fc.property(worlds, (given) => {
        const cluster = clusterOf({ ...given, placed: [] })
        for (const vm of given.vms) {
          const world: World = { ...given, placed: placedIn(cluster, given.vms) }
          const expected = given.hosts.filter((host) => fits(world, vm, host)).map(({ name }) => name)
          const found = explain(cluster, { vm }).flatMap(({ fit, node }) => (fit ? node : []))
          expect([...found].sort()).toEqual([...expected].sort())
          const { node } = decide(cluster, { vm })
          expect(node).toBe(found[0] ?? null)
        }
        expect(overbooked({ ...given, placed: placedIn(cluster, given.vms) })).toEqual([])
      }),
      200,
    )
  })

  it('a VM that moves is judged without the place that it has', () => {
    holds(
      fc.property(worlds, (given) => {
        const cluster = clusterOf({ ...given, placed: [] })
        for (const vm of given.vms) decide(cluster, { vm })
        for (const vm of given.vms) {
          const world: World = { ...given, placed: placedIn(cluster, given.vms) }
          const expected = given.hosts.filter((host) => fits(world, vm, host)).map(({ name }) => name)
          expect(
            explain(cluster, { vm })
              .flatMap(({ fit, node }) => (fit ? node : []))
              .sort(),
          ).toEqual(expected)
        }
      }),
      200,
    )
  })
})

describe('the state', SLOW, () => {
  type Change =
    | { readonly kind: 'node'; readonly host: NodeFacts }
    | { readonly kind: 'removeNode'; readonly name: string }
    | { readonly kind: 'release'; readonly name: string }
    | { readonly kind: 'place' | 'alsoPlace'; readonly vm: VmFacts; readonly node: string }
    | { readonly kind: 'namespace'; readonly name: string; readonly team: string }
  const hostNames = ['h0', 'h1', 'h2']
  const vmNames = ['vm0', 'vm1', 'vm2', 'vm3']
  const hostName = fc.constantFrom(...hostNames)
  const vmName = fc.constantFrom(...vmNames)
  const change: fc.Arbitrary<Change> = fc.oneof(
    hostName.chain((name) => withRoom(hostNamed(name))).map((host): Change => ({ kind: 'node', host })),
    hostName.map((name): Change => ({ kind: 'removeNode', name })),
    vmName.map((name): Change => ({ kind: 'release', name })),
    fc
      .record({
        kind: fc.constantFrom('place', 'place', 'alsoPlace'),
        vm: vmName.chain((name) => withAmounts(vmNamed(name))),
        node: hostName,
      })
      .map((each) => each as Change),
    fc
      .record({ name: fc.constantFrom('n1', 'n2'), team: fc.constantFrom('x', 'y') })
      .map((each): Change => ({ kind: 'namespace', ...each })),
  )

  function apply(cluster: Cluster, each: Change): void {
    if (each.kind === 'node') cluster.upsertNode(each.host)
    else if (each.kind === 'removeNode') cluster.removeNode(each.name)
    else if (each.kind === 'release') cluster.release(`uid-${each.name}`)
    else if (each.kind === 'namespace') cluster.upsertNamespace(each.name, { team: each.team })
    else cluster[each.kind](each.vm, each.node)
  }

  /** The same facts in another order, in a new state. */
  function rebuilt(cluster: Cluster): Cluster {
    const fresh = new Cluster()
    for (const name of ['n2', 'n1']) fresh.upsertNamespace(name, cluster.labelsOfNamespace(name))
    for (const node of hostNames) for (const vm of cluster.vmsOn(node).toReversed()) fresh.alsoPlace(vm, node)
    for (const { facts } of [...cluster.hosts].reverse()) fresh.upsertNode(facts)
    return fresh
  }

  const probe = withAmounts(vmNamed('probe'))

  it('after any changes is the one that the same facts make in another order', () => {
    holds(
      fc.property(fc.array(change, { maxLength: 25 }), probe, (changes, vm) => {
        const cluster = new Cluster()
        for (const each of changes) {
          apply(cluster, each)
          // Questions in between fill the indexes, which later changes have to keep true.
          explain(cluster, { vm })
        }
        expect(answers(cluster, vm)).toEqual(answers(rebuilt(cluster), vm))
      }),
      200,
    )
  })

  it('keeps between decisions what decides them as it is, for VMs of several shapes', () => {
    const probes = fc.array(probe, { minLength: 1, maxLength: 3 })
    holds(
      fc.property(fc.array(change, { maxLength: 25 }), probes, (changes, asked) => {
        const cluster = new Cluster()
        for (const [index, each] of changes.entries()) {
          apply(cluster, each)
          const vm = asked[index % asked.length] as VmFacts
          const found = decide(cluster, { vm }, { reserve: false })
          const fresh = decide(rebuilt(cluster), { vm }, { reserve: false })
          expect([found.node, found.message]).toEqual([fresh.node, fresh.message])
          // What is kept finds the very host and score that looking at all of them finds.
          const [best] = found.hosts()
          expect(found.node === null ? null : [found.node, found.score]).toEqual(
            best?.fit === true ? [best.node, best.score] : null,
          )
        }
      }),
      200,
    )
  })

  it('is told of a decision as it was, whatever happened since', () => {
    holds(
      fc.property(
        fc.array(change, { maxLength: 15 }),
        fc.array(change, { maxLength: 15 }),
        probe,
        (before, after, vm) => {
          const said = (decision: Decision) => [
            decision.message,
            decision
              .hosts()
              .map((host) => (host.fit ? host : { ...host, reasons: host.reasons.map(({ words }) => words) })),
          ]
          const cluster = new Cluster()
          for (const each of before) apply(cluster, each)
          const expected = said(decide(cluster, { vm }, { reserve: false }))
          const decision = decide(cluster, { vm })
          for (const each of after) {
            apply(cluster, each)
            decide(cluster, { vm: { ...vm, uid: 'uid-another', name: 'another' } })
          }
          expect(said(decision)).toEqual(expected)
        },
      ),
      200,
    )
  })

  it('is as before after changes that are taken back, nested ones too', () => {
    holds(
      fc.property(
        fc.array(change, { maxLength: 12 }),
        fc.array(change, { maxLength: 8 }),
        fc.array(change, { maxLength: 8 }),
        probe,
        (before, outer, inner, vm) => {
          const cluster = new Cluster()
          for (const each of before) apply(cluster, each)
          const expected = answers(cluster, vm)
          const places = vmNames.map((name) => cluster.placesOf(`uid-${name}`))
          cluster.whatIf(() => {
            for (const each of outer) apply(cluster, each)
            explain(cluster, { vm })
            cluster.attempt(() => {
              for (const each of inner) apply(cluster, each)
              return { keep: inner.length % 2 === 0, value: explain(cluster, { vm }) }
            })
          })
          expect(answers(cluster, vm)).toEqual(expected)
          expect(vmNames.map((name) => cluster.placesOf(`uid-${name}`))).toEqual(places)
          expect(answers(rebuilt(cluster), vm)).toEqual(expected)
        },
      ),
      150,
    )
  })
})

describe('groups, against trying everything', SLOW, () => {
  const given = fc.record({ hosts: hosts(3), vms: vms(4, { spread: false }), namespaces })

  it('are placed exactly when a placement exists', () => {
    holds(
      fc.property(given, ({ hosts: all, vms: group, namespaces: labels }) => {
        const world: World = { hosts: all, placed: [], namespaces: labels }
        const cluster = clusterOf(world)
        const decision = decideGroup(
          cluster,
          group.map((vm) => ({ vm })),
          { maxSteps: 100_000 },
        )
        expect(decision.placed !== null).toBe(placementExists(world, group))
        const placed = placedIn(cluster, group)
        expect(placed).toHaveLength(decision.placed === null ? 0 : group.length)
        const after: World = { ...world, placed }
        for (const [vm, node] of placed) {
          const host = all.find(({ name }) => name === node)
          expect(host !== undefined && fits(after, vm, host)).toBe(true)
        }
      }),
      250,
    )
  })

  it('are placed alike in whatever order their VMs are given', () => {
    holds(
      fc.property(given, ({ hosts: all, vms: group, namespaces: labels }) => {
        const world: World = { hosts: all, placed: [], namespaces: labels }
        const asks = group.map((vm) => ({ vm }))
        const [first, second] = [asks, asks.toReversed()].map((each) => decideGroup(clusterOf(world), each).placed)
        expect(second).toEqual(first)
      }),
      200,
    )
  })
})

describe('preemption, against trying every set of victims', SLOW, () => {
  const subsets = <T>(list: readonly T[]): readonly (readonly T[])[] =>
    list.reduce<readonly (readonly T[])[]>((sets, each) => sets.concat(sets.map((set) => [...set, each])), [[]])

  it('finds room exactly when there is some, with no victim too many', () => {
    holds(
      fc.property(worlds, vmNamed('new', { near: false }), (given, plain) => {
        const vm = { ...plain, priority: 2 }
        const cluster = clusterOf({ ...given, placed: [] })
        for (const each of given.vms) decide(cluster, { vm: each })
        const placed = placedIn(cluster, given.vms)
        const without = (gone: readonly VmFacts[]): World => ({
          ...given,
          placed: placed.filter(([each]) => !gone.includes(each)),
        })
        if (given.hosts.some((host) => fits(without([]), vm, host))) return
        const lowerOn = (host: NodeFacts) =>
          placed.flatMap(([each, node]) => (node === host.name && each.priority < 2 ? each : []))
        const possible = given.hosts.some((host) =>
          subsets(lowerOn(host)).some((gone) => othersHold(without(gone), vm, host)),
        )
        const found = preempt(cluster, { vm })
        // Spread can be better with a VM left in place than with all lower ones gone; all are taken away first.
        if (vm.spread.length === 0) expect(found.node !== null).toBe(possible)
        if (found.node === null) return
        const host = given.hosts.find(({ name }) => name === found.node) as NodeFacts
        const { victims } = found
        expect(victims.every(({ priority }) => priority < 2)).toBe(true)
        expect(fits(without(victims), vm, host)).toBe(true)
        if (vm.spread.length > 0) return
        for (const spared of victims)
          expect(fits(without(victims.filter((each) => each !== spared)), vm, host)).toBe(false)
      }),
      200,
    )
  })
})

describe('proposals to rebalance', SLOW, () => {
  it('keep all rules, never overbook, and leave nothing to propose once they are done', () => {
    holds(
      fc.property(worlds, fc.infiniteStream(fc.nat()), (given, choices) => {
        const picks = choices[Symbol.iterator]()
        const placed = given.vms.map(
          (vm) => [vm, given.hosts[(picks.next().value ?? 0) % given.hosts.length]?.name ?? ''] as const,
        )
        const cluster = clusterOf({ ...given, placed })
        const options = { budget: 1000 }
        const { moves } = proposeMoves(cluster, options)
        const before = overbooked({ ...given, placed })
        expect(placedIn(cluster, given.vms)).toEqual(placed)
        for (const { vm, from, to } of moves) {
          expect(cluster.placesOf(vm.uid)).toEqual([from])
          cluster.place(vm, to)
        }
        const after: World = { ...given, placed: placedIn(cluster, given.vms) }
        expect(before).toEqual(expect.arrayContaining([...overbooked(after)]))
        for (const { vm, to } of moves) {
          const host = given.hosts.find(({ name }) => name === to) as NodeFacts
          expect(othersHold(after, { ...vm, spread: [] }, host)).toBe(true)
        }
        expect(proposeMoves(cluster, options).moves.map(({ message }) => message)).toEqual([])
      }),
      150,
    )
  })
})
