// Where one VM may be, asked at one moment. The best host is found at once, with what is kept for VMs of its shape. All else is made when
// asked for, from what the question read: what happens to the cluster later does not change it.
import type { Cluster } from './cluster.ts'
import type { Ask, NodeFacts } from './facts.ts'
import { type NodeFilter, type Refusal, type Rule, ruleOf, ruleOfNodes } from './filter.ts'
import { FILTERS } from './filters/index.ts'
import { type HostVerdict, Ranking, wishesOf } from './ranking.ts'

/** All rules about a VM at this moment, in the order in which a host is judged. */
export const rulesOf = (cluster: Cluster, ask: Ask): readonly Rule[] =>
  FILTERS.flatMap((filter) => ruleOf(filter, ask, cluster) ?? [])

export class Question {
  /** The most wished for of the fit hosts, the first by name of equal ones; null when none is fit. */
  readonly best: { readonly node: string; readonly score: number } | null
  /** How many hosts are fit, of how many. */
  readonly fit: number
  readonly of: number
  readonly #ask: Ask
  readonly #hosts: readonly NodeFacts[]
  /** By slot, 1 where nothing is left to be judged by hosts' own facts. */
  readonly #allowed: Uint8Array
  /** In the order in which a host is judged. Those about hosts' own facts are made ready again when reasons are asked for. */
  readonly #filters: readonly (Rule | NodeFilter)[]
  readonly #ranking: Ranking

  constructor(cluster: Cluster, ask: Ask) {
    const { roster } = cluster
    const standing = roster.standing(ask)
    const filters: (Rule | NodeFilter)[] = []
    const ofHost: Rule[] = []
    const others: Rule[] = []
    for (const filter of FILTERS) {
      if ('check' in filter) {
        filters.push(filter)
        continue
      }
      const rule = filter.prepare(ask, cluster)
      if (rule === null) continue
      filters.push(rule)
      if (filter.ofHost === true) ofHost.push(rule)
      else others.push(rule)
    }
    this.#ask = ask
    this.#hosts = roster.facts
    this.#allowed = standing.allowed
    this.#filters = filters
    this.#ranking = new Ranking(wishesOf(ask, cluster, standing.wishes))
    const worth = standing.worth(roster.changes, ofHost, this.#ranking.ofHost)
    const fit = fitSlots(worth, others)
    const best = this.#ranking.best(worth, fit)
    this.best = best === null ? null : { node: this.#nameOf(best.slot), score: best.score }
    this.fit = fit.length
    this.of = roster.facts.length
  }

  /** Names of the fit hosts, the most wished for first. */
  order(): readonly string[] {
    return this.#ranked().map(({ slot }) => this.#nameOf(slot))
  }

  /** The first reason against each host that is not fit, by name. */
  *refusals(): Generator<Refusal> {
    const rules = this.#rules()
    for (let slot = 0; slot < this.#hosts.length; slot += 1) {
      const against = rules(slot).find((rule) => !rule.fits(slot))
      if (against !== undefined) yield against.why(slot)
    }
  }

  /** What was found of every host: the fit ones, the best first, then the others by name with the first reason, or with all of them. */
  verdicts(reasons: 'first' | 'all'): readonly HostVerdict[] {
    const rules = this.#rules()
    return [
      ...this.#ranked().map(({ slot, ...found }): HostVerdict => ({ node: this.#nameOf(slot), fit: true, ...found })),
      ...this.#hosts.flatMap(({ name }, slot): readonly HostVerdict[] => {
        const against = rules(slot).filter((rule) => !rule.fits(slot))
        if (against.length === 0) return []
        const told = reasons === 'first' ? against.slice(0, 1) : against
        return [{ node: name, fit: false, reasons: told.map((rule) => rule.why(slot)) }]
      }),
    ]
  }

  #ranked() {
    const rules = this.#moving()
    const fit = [...this.#hosts.keys()].filter(
      (slot) => this.#allowed[slot] === 1 && rules.every((rule) => rule.fits(slot)),
    )
    return this.#ranking.sorted(fit)
  }

  /** What may be against a host, in order. */
  #rules(): (slot: number) => readonly Rule[] {
    const moving = this.#moving()
    const all = this.#filters.flatMap((filter) => {
      if ('fits' in filter) return filter
      const check = filter.check(this.#ask)
      return check === null ? [] : ruleOfNodes(check, this.#hosts)
    })
    return (slot) => (this.#allowed[slot] === 1 ? moving : all)
  }

  /** Rules that hosts' own facts do not decide alone. */
  #moving(): readonly Rule[] {
    return this.#filters.filter((filter) => 'fits' in filter)
  }

  #nameOf(slot: number): string {
    return this.#hosts[slot]?.name ?? ''
  }
}

function fitSlots(worth: Float64Array, rules: readonly Rule[]): readonly number[] {
  const fit: number[] = []
  for (let slot = 0; slot < worth.length; slot += 1) {
    if (worth[slot] === -Infinity) continue
    let isFit = true
    for (const rule of rules) isFit &&= rule.fits(slot)
    if (isFit) fit.push(slot)
  }
  return fit
}
