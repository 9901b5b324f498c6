// Moves that make the cluster better, as a proposal: VMs whose rules their host breaks by now, and VMs of hosts that are too full.
// Changes nothing. What is proposed is stable: after it was done, the same question is answered with no moves.
import type { Cluster } from './cluster.ts'
import { fitHosts } from './decide.ts'
import { type Ask, titleOf, type VmFacts } from './facts.ts'
import { type AnyFilter, ruleOf } from './filter.ts'
import { AFFINITY } from './filters/affinity.ts'
import { ANTI_AFFINITY } from './filters/anti-affinity.ts'
import { CLASS_SELECTOR } from './filters/class-selector.ts'
import { NODE_AFFINITY } from './filters/node-affinity.ts'
import { NODE_SELECTOR } from './filters/node-selector.ts'
import { TAINTS } from './filters/taints.ts'
import type { KnownHost } from './host.ts'
import { needs } from './needs.ts'
import { compare } from './order.ts'
import type { Labels } from './types.ts'

export interface Move {
  readonly vm: VmFacts
  readonly from: string
  readonly to: string
  readonly reason: 'RuleBroken' | 'Overloaded'
  /** `h1 has 91 % of its CPU requested, more than 80 %; h3 will have 60 %` */
  readonly message: string
}

/** A VM that should move and cannot. */
export interface Stuck {
  readonly vm: VmFacts
  readonly node: string
  readonly message: string
}

export interface Proposal {
  readonly moves: readonly Move[]
  readonly stuck: readonly Stuck[]
}

export interface RebalanceOptions {
  /** Moves at most. */
  readonly budget?: number
  /** A host with a greater share of its CPU or memory requested sheds VMs. DVP's descheduler: 0.8. */
  readonly threshold?: number
  /** How far below the threshold a host must stay after it took a VM: what was moved for load is not moved on for load. */
  readonly margin?: number
  /** The present moment, and how long a VM rests after a move; both in milliseconds. */
  readonly now?: number
  readonly restMs?: number
  /** When a VM came to its host, in the clock of `now`. */
  readonly movedAt?: (vm: VmFacts) => number | null
  /** In words, why a VM cannot be moved; null when it can. */
  readonly fixed?: (vm: VmFacts) => string | null
  /** The request by which a target is looked for; what a running VM needs of it besides its facts. */
  readonly askOf?: (vm: VmFacts, node: string) => Ask
}

/** Rules that a host may break after the fact: somebody labelled or tainted it, or other VMs came or went. */
const RULES: readonly AnyFilter[] = [NODE_SELECTOR, CLASS_SELECTOR, NODE_AFFINITY, TAINTS, AFFINITY, ANTI_AFFINITY]
const NEIGHBOUR_RULES: readonly AnyFilter[] = [AFFINITY]

const DEFAULTS = {
  budget: 5,
  threshold: 0.8,
  margin: 0.05,
  now: 0,
  restMs: 0,
  movedAt: () => null,
  fixed: () => null,
  askOf: (vm: VmFacts, node: string): Ask => ({ vm, current: node, migrate: true }),
} as const satisfies Required<RebalanceOptions>

export const proposeMoves = (cluster: Cluster, options: RebalanceOptions = {}): Proposal =>
  cluster.whatIf(() => new Planner(cluster, { ...DEFAULTS, ...options }).run())

/** The fuller of CPU and memory, as a share of what the host allocates. */
export const loadOf = ({ facts, usedMilliCpu, usedMemoryBytes }: KnownHost): number =>
  Math.max(share(usedMilliCpu, facts.milliCpu), share(usedMemoryBytes, facts.memoryBytes))

const share = (used: number, all: number): number => (all > 0 ? used / all : used > 0 ? 1 : 0)

class Planner {
  readonly #cluster: Cluster
  readonly #options: Required<RebalanceOptions>
  readonly #moves = new Map<string, Move>()
  readonly #stuck = new Map<string, Stuck>()
  /** VMs that required affinity of others may count on are moved only where that affinity stays true. */
  readonly #needy: readonly VmFacts[]

  constructor(cluster: Cluster, options: Required<RebalanceOptions>) {
    this.#cluster = cluster
    this.#options = options
    this.#needy = this.#hosts().flatMap(({ name }) => cluster.vmsOn(name, ({ near }) => near.length > 0))
  }

  run(): Proposal {
    // One move may make room for another: until a round moves nothing. Each mends a rule without breaking one, or takes load off a host
    // that is too full without filling another, so there is an end.
    while (this.#mendAll() || this.#shedAll());
    const stuck = [...this.#stuck.values()].filter(({ vm }) => !this.#moves.has(vm.uid))
    return { moves: [...this.#moves.values()], stuck }
  }

  #hosts(): readonly KnownHost[] {
    return this.#cluster.hosts
  }

  get #full(): boolean {
    return this.#moves.size >= this.#options.budget
  }

  #mendAll(): boolean {
    let moved = false
    const suspects = this.#cluster.suspects()
    for (const host of this.#hosts())
      for (const vm of this.#cluster.vmsOn(host.name, (each) => mayBreak(each, host) || suspects.has(each.uid)))
        if (this.#mend(vm, host)) moved = true
    return moved
  }

  #mend(vm: VmFacts, host: KnownHost): boolean {
    const broken = this.#broken(vm, host, RULES)
    if (broken === null) return false
    const kept = this.#keptBy(vm, host)
    const to = kept === null && !this.#full ? this.#target(vm, host, 'if need be') : null
    if (to !== null) this.#move(vm, host, to, { reason: 'RuleBroken', message: broken })
    else if (kept !== null) this.#stay(vm, host, `${broken}; ${kept}`)
    else if (!this.#full) this.#stay(vm, host, `${broken}; no other node is fit for it`)
    return to !== null
  }

  /** Sheds VMs of every host that is too full, the fullest first. Whether anything moved. */
  #shedAll(): boolean {
    let moved = false
    const { threshold } = this.#options
    const order = this.#hosts().filter(({ facts }) => facts.notReady === null)
    for (const host of order.sort((a, b) => loadOf(b) - loadOf(a) || compare(a.name, b.name)))
      while (loadOf(host) > threshold && !this.#full && this.#shed(host)) moved = true
    return moved
  }

  /** Moves one VM; of those that can be moved the least important, and of equal ones the one that suffices or helps most. */
  #shed(host: KnownHost): boolean {
    const { threshold } = this.#options
    const before = loadOf(host)
    for (const vm of this.#sheddable(host)) {
      const kept = this.#keptBy(vm, host)
      if (kept !== null) {
        this.#stay(vm, host, `${fullWords(host, threshold)}; ${kept}`)
        continue
      }
      const to = this.#target(vm, host, 'with room')
      if (to === null) {
        const below = percent(threshold - this.#options.margin)
        this.#stay(vm, host, `${fullWords(host, threshold)}; no node that is fit for it would stay below ${below}`)
        continue
      }
      const words = fullWords(host, threshold)
      this.#move(vm, host, to, { reason: 'Overloaded', message: words })
      return loadOf(host) < before
    }
    return false
  }

  #sheddable(host: KnownHost): readonly VmFacts[] {
    const { threshold } = this.#options
    const { facts, usedMilliCpu, usedMemoryBytes } = host
    const after = (vm: VmFacts) =>
      Math.max(
        share(usedMilliCpu - vm.milliCpu, facts.milliCpu),
        share(usedMemoryBytes - vm.memoryBytes, facts.memoryBytes),
      )
    const now = loadOf(host)
    // Enough with the smallest step first; if none is enough, the largest step.
    const rank = (vm: VmFacts) => (after(vm) <= threshold ? threshold - after(vm) : 1 + after(vm))
    return this.#cluster
      .vmsOn(host.name)
      .filter((vm) => after(vm) < now)
      .sort(
        (a, b) =>
          a.priority - b.priority || rank(a) - rank(b) || compare(titleOf(a), titleOf(b)) || compare(a.uid, b.uid),
      )
  }

  /** The best host for the VM that has room beyond the threshold, and where no VM that counts on it loses it. */
  #target(vm: VmFacts, host: KnownHost, room: 'with room' | 'if need be'): string | null {
    const fit = fitHosts(this.#cluster, this.#options.askOf(vm, host.name))
    const needy = this.#needy.filter((other) => other.uid !== vm.uid && needs(this.#cluster, other, vm))
    const good = (name: string) => !this.#strands(vm, name, needy)
    const roomy = fit.find((name) => this.#hasRoom(vm, name) && good(name))
    return roomy ?? (room === 'if need be' ? fit.find(good) : undefined) ?? null
  }

  #strands(vm: VmFacts, to: string, needy: readonly VmFacts[]): boolean {
    if (needy.length === 0) return false
    const stranded = () =>
      needy.filter((other) => {
        const host = this.#cluster.host(this.#cluster.placesOf(other.uid)[0] ?? '')
        return host !== null && this.#broken(other, host, NEIGHBOUR_RULES) !== null
      }).length
    const before = stranded()
    return this.#cluster.whatIf(() => {
      this.#cluster.place(vm, to)
      return stranded() > before
    })
  }

  #hasRoom(vm: VmFacts, name: string): boolean {
    const host = this.#cluster.host(name)
    if (host === null) return false
    const cpu = share(host.usedMilliCpu + vm.milliCpu, host.facts.milliCpu)
    const memory = share(host.usedMemoryBytes + vm.memoryBytes, host.facts.memoryBytes)
    return Math.max(cpu, memory) <= this.#options.threshold - this.#options.margin
  }

  /** In words, why a VM stays where it is; null when it may move. */
  #keptBy(vm: VmFacts, { facts }: KnownHost): string | null {
    const { fixed, movedAt, now, restMs } = this.#options
    if (facts.notReady !== null) return `its node is not ready: ${facts.notReady}`
    if (this.#cluster.placesOf(vm.uid).length > 1) return 'it is being moved'
    const why = fixed(vm)
    if (why !== null) return why
    const at = movedAt(vm)
    if (at === null || now - at >= restMs) return null
    return `it was moved ${Math.round((now - at) / 1000)} s ago and rests for ${Math.round(restMs / 1000)} s`
  }

  #broken(vm: VmFacts, host: KnownHost, rules: readonly AnyFilter[]): string | null {
    return this.#cluster.whatIf(() => {
      this.#cluster.release(vm.uid)
      for (const filter of rules) {
        const rule = ruleOf(filter, { vm }, this.#cluster)
        if (rule !== null && !rule.fits(host.slot)) return rule.why(host.slot).words
      }
      return null
    })
  }

  #move(vm: VmFacts, host: KnownHost, to: string, why: Pick<Move, 'reason' | 'message'>): void {
    this.#cluster.place(vm, to)
    this.#stuck.delete(vm.uid)
    const target = this.#cluster.host(to)
    const message = `${why.message}; ${to} will have ${percent(target === null ? 0 : loadOf(target))} requested`
    const from = this.#moves.get(vm.uid)?.from ?? host.name
    if (from === to) this.#moves.delete(vm.uid)
    else this.#moves.set(vm.uid, { vm, from, to, ...why, message })
  }

  #stay(vm: VmFacts, { name }: KnownHost, message: string): void {
    this.#stuck.set(vm.uid, { vm, node: name, message })
  }
}

/** Most VMs have no rule of their own that could be broken, and are not looked at any closer. */
const mayBreak = (vm: VmFacts, { facts }: KnownHost): boolean =>
  vm.near.length > 0 ||
  vm.classSelector !== null ||
  vm.nodeAffinity !== null ||
  facts.taints.length > 0 ||
  hasLabel(vm.nodeSelector)

function hasLabel(labels: Labels): boolean {
  for (const _ in labels) return true
  return false
}

/** `h1 has 91 % of its CPU requested, more than 80 %` */
function fullWords(host: KnownHost, threshold: number): string {
  const cpu = share(host.usedMilliCpu, host.facts.milliCpu)
  const memory = share(host.usedMemoryBytes, host.facts.memoryBytes)
  const what = cpu >= memory ? 'CPU' : 'memory'
  return `${host.name} has ${percent(Math.max(cpu, memory))} of its ${what} requested, more than ${percent(threshold)}`
}

const percent = (part: number): string => `${Math.round(part * 100)} %`
