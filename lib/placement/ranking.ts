// Fit hosts by how much each is wished for. Figures lie in flat arrays: there is one for each of thousands of hosts in every decision.
import { type Cluster, compare } from './cluster.ts'
import type { Ask } from './facts.ts'
import type { Refusal } from './filter.ts'
import type { KnownHost } from './host.ts'
import { type Score, type ScoreName, WEIGHTS, type Wish } from './score.ts'
import { SCORES } from './scores/index.ts'

export interface FitHost {
  readonly node: string
  readonly fit: true
  readonly score: number
  readonly parts: ScoreParts
}

/** What was found of one host. */
export type HostVerdict = FitHost | { readonly node: string; readonly fit: false; readonly reasons: readonly Refusal[] }

/** What each wish added; those that nothing was wished by are left out. */
export type ScoreParts = Readonly<Partial<Record<ScoreName, number>>>

interface Part {
  readonly name: ScoreName
  readonly values: Float64Array
}

export class Ranking {
  readonly #fit: readonly KnownHost[]
  readonly #parts: readonly Part[]
  readonly #totals: Float64Array

  constructor(cluster: Cluster, ask: Ask, fit: readonly KnownHost[]) {
    this.#fit = fit
    this.#totals = new Float64Array(fit.length)
    this.#parts = fit.length === 0 ? [] : SCORES.flatMap((score) => this.#part(score, score.prepare(ask, cluster)))
  }

  /** The most wished for; of equal ones the first by name. There must be one. */
  best(): { readonly node: string; readonly score: number } {
    let best = 0
    for (let index = 1; index < this.#fit.length; index += 1) if (this.#compare(index, best) < 0) best = index
    return { node: this.#nameOf(best), score: this.#totals[best] ?? 0 }
  }

  /** Names, the most wished for first. */
  order(): readonly string[] {
    return this.#sorted().map((index) => this.#nameOf(index))
  }

  verdicts(): readonly FitHost[] {
    return this.#sorted().map((index) => ({
      node: this.#nameOf(index),
      fit: true,
      score: this.#totals[index] ?? 0,
      parts: Object.fromEntries(this.#parts.map(({ name, values }) => [name, values[index] ?? 0])),
    }))
  }

  #part({ name, scale }: Score, wish: Wish | null): readonly Part[] {
    if (wish === null) return []
    const fit = this.#fit
    const values = new Float64Array(fit.length)
    for (let index = 0; index < fit.length; index += 1) values[index] = wish(fit[index] as KnownHost)
    const [least, most] = scale === 'share' ? [0, 1] : bounds(values)
    const weight = WEIGHTS[name]
    for (let index = 0; index < fit.length; index += 1) {
      const part = most > least ? (weight * ((values[index] ?? 0) - least)) / (most - least) : weight
      values[index] = part
      this.#totals[index] = (this.#totals[index] ?? 0) + part
    }
    return [{ name, values }]
  }

  #nameOf(index: number): string {
    return this.#fit[index]?.name ?? ''
  }

  #compare(a: number, b: number): number {
    return (this.#totals[b] ?? 0) - (this.#totals[a] ?? 0) || compare(this.#nameOf(a), this.#nameOf(b))
  }

  #sorted(): readonly number[] {
    return this.#fit.map((_, index) => index).sort((a, b) => this.#compare(a, b))
  }
}

function bounds(values: Float64Array): readonly [least: number, most: number] {
  let [least, most] = [Infinity, -Infinity]
  for (const value of values) {
    if (value < least) least = value
    if (value > most) most = value
  }
  return [least, most]
}
