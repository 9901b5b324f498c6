// One decision: every known host through all filters, those that are fit through all scores, the best one is it.
import { type Cluster, compare } from './cluster.ts'
import type { Ask } from './facts.ts'
import type { Check, Refusal } from './filter.ts'
import { FILTERS } from './filters/index.ts'
import type { KnownHost } from './host.ts'
import { type HostVerdict, Ranking } from './ranking.ts'
import { countRefusals, type RefusalCount, refusedWords } from './refused.ts'

export interface Chosen {
  readonly node: string
  readonly score: number
  /** What was found of every host, the best first, then the refused ones by name; made when asked for. */
  hosts(): readonly HostVerdict[]
}

export interface Refused {
  readonly node: null
  readonly reasons: readonly RefusalCount[]
  /** `0/3 nodes: 2 insufficient memory (needs 2.1 GiB, 1 GiB free at best), 1 cordoned` */
  readonly message: string
  hosts(): readonly HostVerdict[]
}

export type Decision = Chosen | Refused

export interface DecideOptions {
  /** Gives the VM its place at once, so that the next decision counts it (the default). With `migrate` a second place. */
  readonly reserve?: boolean
}

/**
 * Where a VM goes, or in words why nowhere. The place that it has does not count against it. Ties are broken by the host's name, so equal
 * facts give equal decisions.
 */
export function decide(cluster: Cluster, ask: Ask, { reserve = true }: DecideOptions = {}): Decision {
  const decision = judge(cluster, ask)
  if (reserve && decision.node !== null) {
    if (ask.migrate === true) cluster.alsoPlace(ask.vm, decision.node)
    else cluster.place(ask.vm, decision.node)
  }
  cluster.trim()
  return decision
}

/** Every host with all of its reasons against the VM, or with its score. Reserves nothing. */
export function explain(cluster: Cluster, ask: Ask): readonly HostVerdict[] {
  return withoutItself(cluster, ask, () => {
    const checks = checksOf(cluster, ask)
    const fit: KnownHost[] = []
    const refused: HostVerdict[] = []
    for (const host of cluster.hosts) {
      const reasons = checks.flatMap((check) => check(host) ?? [])
      if (reasons.length === 0) fit.push(host)
      else refused.push({ node: host.name, fit: false, reasons })
    }
    return [...new Ranking(cluster, ask, fit).verdicts(), ...refused.sort((a, b) => compare(a.node, b.node))]
  })
}

/** The filters that have something to judge for this VM, ready to. */
export const checksOf = (cluster: Cluster, ask: Ask): readonly Check[] =>
  FILTERS.flatMap((filter) => filter.prepare(ask, cluster) ?? [])

/** The first reason against a host; null when it is fit. */
export function firstRefusal(checks: readonly Check[], host: KnownHost): Refusal | null {
  for (const check of checks) {
    const refusal = check(host)
    if (refusal !== null) return refusal
  }
  return null
}

/** Runs `work` as if the VM had no place. */
export function withoutItself<T>(cluster: Cluster, { vm }: Ask, work: () => T): T {
  if (cluster.vm(vm.uid) === null) return work()
  return cluster.whatIf(() => {
    cluster.release(vm.uid)
    return work()
  })
}

/** Names of the hosts that are fit, the best first. */
export const fitHosts = (cluster: Cluster, ask: Ask): readonly string[] =>
  withoutItself(cluster, ask, () => {
    const checks = checksOf(cluster, ask)
    const fit = cluster.hosts.filter((host) => firstRefusal(checks, host) === null)
    return new Ranking(cluster, ask, fit).order()
  })

const judge = (cluster: Cluster, ask: Ask): Decision =>
  withoutItself(cluster, ask, () => {
    const checks = checksOf(cluster, ask)
    const fit: KnownHost[] = []
    const refused: (readonly [KnownHost, Refusal])[] = []
    for (const host of cluster.hosts) {
      const refusal = firstRefusal(checks, host)
      if (refusal === null) fit.push(host)
      else refused.push([host, refusal])
    }
    return fit.length === 0 ? new Nowhere(refused) : new Somewhere(new Ranking(cluster, ask, fit), refused)
  })

type RefusedHosts = readonly (readonly [KnownHost, Refusal])[]

const refusalsOf = (refused: RefusedHosts): readonly HostVerdict[] =>
  refused
    .map(([host, refusal]): HostVerdict => ({ node: host.name, fit: false, reasons: [refusal] }))
    .sort((a, b) => compare(a.node, b.node))

class Somewhere implements Chosen {
  readonly node: string
  readonly score: number
  readonly #ranking: Ranking
  readonly #refused: RefusedHosts

  constructor(ranking: Ranking, refused: RefusedHosts) {
    const best = ranking.best()
    this.node = best.node
    this.score = best.score
    this.#ranking = ranking
    this.#refused = refused
  }

  hosts(): readonly HostVerdict[] {
    return [...this.#ranking.verdicts(), ...refusalsOf(this.#refused)]
  }
}

class Nowhere implements Refused {
  readonly node = null
  readonly #refused: RefusedHosts
  #reasons: readonly RefusalCount[] | undefined

  constructor(refused: RefusedHosts) {
    this.#refused = refused
  }

  get reasons(): readonly RefusalCount[] {
    this.#reasons ??= countRefusals(this.#refused.map(([, refusal]) => refusal))
    return this.#reasons
  }

  get message(): string {
    return refusedWords(this.#refused.length, this.reasons)
  }

  hosts(): readonly HostVerdict[] {
    return refusalsOf(this.#refused)
  }
}
