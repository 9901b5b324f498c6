// One decision: every known host through all filters, those that are fit through all scores, the best one is it.
import { type Cluster, compare } from './cluster.ts'
import type { Ask } from './facts.ts'
import type { Check, Refusal } from './filter.ts'
import { FILTERS } from './filters/index.ts'
import type { KnownHost } from './host.ts'
import { countRefusals, type RefusalCount, refusedWords } from './refused.ts'
import { type Score, type ScoreName, WEIGHTS, type Wish } from './score.ts'
import { SCORES } from './scores/index.ts'

/** What was found of one host. */
export type HostVerdict =
  | { readonly node: string; readonly fit: true; readonly score: number; readonly parts: ScoreParts }
  | { readonly node: string; readonly fit: false; readonly reasons: readonly Refusal[] }

/** What each wish added; those that nothing was wished by are left out. */
export type ScoreParts = Readonly<Partial<Record<ScoreName, number>>>

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

/** A host that is fit, while it is compared with others. */
interface Candidate {
  readonly host: KnownHost
  /** In the order of the scores. */
  readonly parts: number[]
  total: number
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
    return [...verdictsOf(compared(cluster, ask, fit)), ...refused.sort((a, b) => compare(a.node, b.node))]
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
    return fit.length === 0 ? new Nowhere(refused) : new Somewhere(compared(cluster, ask, fit), refused)
  })

/** Fit hosts in the order of preference. */
export const ranked = (cluster: Cluster, ask: Ask, fit: readonly KnownHost[]): readonly string[] =>
  [...compared(cluster, ask, fit)].sort(byScore).map(({ host }) => host.name)

function compared(cluster: Cluster, ask: Ask, fit: readonly KnownHost[]): readonly Candidate[] {
  const candidates = fit.map((host): Candidate => ({ host, parts: [], total: 0 }))
  for (const score of SCORES) {
    const wish = fit.length === 0 ? null : score.prepare(ask, cluster)
    if (wish !== null) add(score, wish, candidates)
    else for (const { parts } of candidates) parts.push(Number.NaN)
  }
  return candidates
}

function add({ name, scale }: Score, wish: Wish, candidates: readonly Candidate[]): void {
  const raw = candidates.map(({ host }) => wish(host))
  let [least, most] = [0, 1]
  if (scale === 'compare') {
    ;[least, most] = [Infinity, -Infinity]
    for (const value of raw) {
      if (value < least) least = value
      if (value > most) most = value
    }
  }
  const weight = WEIGHTS[name]
  for (const [index, candidate] of candidates.entries()) {
    const value = raw[index] ?? 0
    const part = most > least ? (weight * (value - least)) / (most - least) : weight
    candidate.parts.push(part)
    candidate.total += part
  }
}

const byScore = (a: Candidate, b: Candidate): number => b.total - a.total || compare(a.host.name, b.host.name)

const verdictsOf = (candidates: readonly Candidate[]): readonly HostVerdict[] =>
  [...candidates].sort(byScore).map(({ host, total, parts }) => ({
    node: host.name,
    fit: true,
    score: total,
    parts: Object.fromEntries(
      SCORES.flatMap(({ name }, index) => (Number.isNaN(parts[index]) ? [] : [[name, parts[index]]])),
    ),
  }))

type RefusedHosts = readonly (readonly [KnownHost, Refusal])[]

const refusalsOf = (refused: RefusedHosts): readonly HostVerdict[] =>
  refused
    .map(([host, refusal]): HostVerdict => ({ node: host.name, fit: false, reasons: [refusal] }))
    .sort((a, b) => compare(a.node, b.node))

class Somewhere implements Chosen {
  readonly node: string
  readonly score: number
  readonly #fit: readonly Candidate[]
  readonly #refused: RefusedHosts

  constructor(fit: readonly Candidate[], refused: RefusedHosts) {
    let best = fit[0] as Candidate
    for (const candidate of fit) if (byScore(candidate, best) < 0) best = candidate
    this.node = best.host.name
    this.score = best.total
    this.#fit = fit
    this.#refused = refused
  }

  hosts(): readonly HostVerdict[] {
    return [...verdictsOf(this.#fit), ...refusalsOf(this.#refused)]
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
