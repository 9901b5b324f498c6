// Several VMs at once, all or none. Required affinity is judged by where all of them end up, so VMs that need each other can be placed;
// all other rules as if the VMs came one after the other. The search goes back a bounded number of times.
import type { Cluster } from './cluster.ts'
import { decide, fitHosts } from './decide.ts'
import { type Ask, titleOf, type VmFacts } from './facts.ts'
import { AFFINITY } from './filters/affinity.ts'
import { needs } from './needs.ts'
import { compare } from './order.ts'

export interface GroupPlaced {
  /** Node by uid. */
  readonly placed: ReadonlyMap<string, string>
}

export interface GroupRefused {
  readonly placed: null
  /** `2 of 3 VMs can be placed; default/c: 0/2 nodes: 2 insufficient memory (…)` */
  readonly message: string
  /** The VM that had no place in the best attempt. */
  readonly vm: VmFacts
  /** True: the search was given up, a placement may exist. False: none does. */
  readonly gaveUp: boolean
}

export type GroupDecision = GroupPlaced | GroupRefused

export interface GroupOptions {
  readonly reserve?: boolean
  /** How often one VM's hosts are looked at before the search is given up. */
  readonly maxSteps?: number
}

const MAX_STEPS = 2000

/** Places all of the VMs or none. The same VMs in any order give the same answer. */
export function decideGroup(
  cluster: Cluster,
  asks: readonly Ask[],
  { reserve = true, maxSteps = MAX_STEPS }: GroupOptions = {},
): GroupDecision {
  return cluster.attempt(() => {
    for (const { vm } of asks) cluster.release(vm.uid)
    const search = new Search(cluster, inOrder(asks, cluster), maxSteps)
    const value = search.run()
    return { keep: reserve && value.placed !== null, value }
  })
}

/** VMs that the required affinity of others counts on first, then the big ones: what is hard to place is placed early. */
function inOrder(asks: readonly Ask[], cluster: Cluster): readonly Ask[] {
  const wanted = (vm: VmFacts) => asks.filter((other) => other.vm !== vm && needs(cluster, other.vm, vm)).length
  return asks
    .map((ask) => ({ ask, wanted: wanted(ask.vm) }))
    .sort(
      ({ ask: { vm: a }, wanted: wantedA }, { ask: { vm: b }, wanted: wantedB }) =>
        wantedB - wantedA ||
        b.memoryBytes - a.memoryBytes ||
        b.milliCpu - a.milliCpu ||
        compare(titleOf(a), titleOf(b)) ||
        compare(a.uid, b.uid),
    )
    .map(({ ask }) => ask)
}

class Search {
  readonly #cluster: Cluster
  readonly #asks: readonly Ask[]
  /** Equal for VMs that differ in nothing but their names; null where the order of placing matters. */
  readonly #shapes: readonly (string | null)[]
  readonly #placed = new Map<string, string>()
  #steps: number
  #deepest = -1
  #message = ''

  constructor(cluster: Cluster, asks: readonly Ask[], maxSteps: number) {
    this.#cluster = cluster
    this.#asks = asks
    this.#shapes = asks.map(shapeOf)
    this.#steps = maxSteps
  }

  run(): GroupDecision {
    const hopeless = this.#hopeless()
    if (hopeless !== null) return hopeless
    if (this.#place(0, new Map())) return { placed: new Map(this.#placed) }
    const { vm } = this.#asks[this.#deepest] as Ask
    const gaveUp = this.#steps <= 0
    const count = `${this.#deepest} of ${this.#asks.length} VMs can be placed; ${titleOf(vm)}: ${this.#message}`
    return { placed: null, message: gaveUp ? `${count} (the search was given up)` : count, vm, gaveUp }
  }

  /** A VM that fits nowhere even alone: more VMs make no host better, but for spread. */
  #hopeless(): GroupRefused | null {
    for (const ask of this.#asks) {
      if (ask.vm.spread.length > 0) continue
      const expected = this.#asks.flatMap(({ vm }) => (vm === ask.vm ? [] : vm))
      const alone = decide(this.#cluster, { ...ask, expected }, { reserve: false })
      if (alone.node !== null) continue
      const message = `${titleOf(ask.vm)} has no place even alone: ${alone.message}`
      return { placed: null, message, vm: ask.vm, gaveUp: false }
    }
    return null
  }

  /** `dead`: hosts by shape on which a VM of that shape leads to nothing, with the places given so far. */
  #place(index: number, dead: ReadonlyMap<string, ReadonlySet<string>>): boolean {
    const ask = this.#asks[index]
    if (ask === undefined) return true
    if (this.#steps <= 0) return false
    this.#steps -= 1
    const asked = { ...ask, expected: this.#asks.slice(index + 1).map(({ vm }) => vm) }
    const hosts = fitHosts(this.#cluster, asked)
    if (index > this.#deepest) this.#note(index, asked, hosts)
    const shape = this.#shapes[index] ?? null
    const failed = new Set(shape === null ? [] : dead.get(shape))
    for (const node of this.#nearFirst(ask.vm, hosts)) {
      if (failed.has(node)) continue
      this.#cluster.place(ask.vm, node)
      this.#placed.set(ask.vm.uid, node)
      const below = shape === null ? dead : new Map(dead).set(shape, new Set(failed))
      if (this.#holds(index) && this.#place(index + 1, below)) return true
      this.#cluster.release(ask.vm.uid)
      this.#placed.delete(ask.vm.uid)
      failed.add(node)
    }
    return false
  }

  /** Remembers what the first VM that got stuck was told. */
  #note(index: number, asked: Ask, hosts: readonly string[]): void {
    this.#deepest = index
    const decision = hosts.length > 0 ? null : decide(this.#cluster, asked, { reserve: false })
    this.#message =
      decision?.node === null
        ? decision.message
        : 'it can be placed, but not so that all rules of the group about who is near whom hold'
  }

  /** Hosts where VMs are that count on this one come first: elsewhere they would be left without it. */
  #nearFirst(vm: VmFacts, hosts: readonly string[]): readonly string[] {
    const cluster = this.#cluster
    const wanted = new Map<string, Set<string | undefined>>()
    for (const { vm: other } of this.#asks) {
      const node = this.#placed.get(other.uid)
      if (node === undefined || other === vm || !needs(cluster, other, vm)) continue
      for (const { topologyKey } of other.near) {
        const values = wanted.get(topologyKey) ?? new Set()
        wanted.set(topologyKey, values.add(cluster.host(node)?.facts.labels[topologyKey]))
      }
    }
    if (wanted.size === 0) return hosts
    const isWanted = (node: string) =>
      [...wanted].some(([key, values]) => values.has(cluster.host(node)?.facts.labels[key]))
    return [...hosts.filter(isWanted), ...hosts.filter((node) => !isWanted(node))]
  }

  /** Whether the required affinity of all that have a place holds, or can still hold by VMs that have none yet. */
  #holds(last: number): boolean {
    const expected = this.#asks.slice(last + 1).map(({ vm }) => vm)
    return this.#asks.slice(0, last + 1).every(({ vm }) => {
      if (vm.near.length === 0) return true
      const node = this.#placed.get(vm.uid) ?? ''
      return this.#cluster.whatIf(() => {
        this.#cluster.release(vm.uid)
        const host = this.#cluster.host(node)
        return host !== null && (AFFINITY.prepare({ vm, expected }, this.#cluster)?.fits(host.slot) ?? true)
      })
    })
  }
}

function shapeOf({ vm, ...rest }: Ask): string | null {
  if (vm.spread.length > 0) return null
  const { uid: _uid, name: _name, ...facts } = vm
  const { only, not, leaving, ...asked } = rest
  const sorted = (nodes: Iterable<string> | undefined) => nodes && [...nodes].sort()
  return JSON.stringify([facts, asked, sorted(only?.nodes), sorted(not?.keys()), sorted(leaving)])
}
