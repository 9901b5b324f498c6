// Fit hosts by how much each is wished for.
import type { Cluster } from './cluster.ts'
import type { Ask } from './facts.ts'
import type { Refusal } from './filter.ts'
import { type ScoreName, WEIGHTS, type Wish } from './score.ts'
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

/** A wish made ready for one VM at one moment. */
export interface Wished {
  readonly name: ScoreName
  readonly wish: Wish
  /** Its scale: the host alone decides; or `compare`, which takes all fit hosts. */
  readonly kind: 'ofHost' | 'share' | 'compare'
}

/** All wishes about a VM. `judged`: those about the hosts' own facts, by slot. */
export const wishesOf = (ask: Ask, cluster: Cluster, judged: ReadonlyMap<ScoreName, Float64Array>): readonly Wished[] =>
  SCORES.flatMap((score): readonly Wished[] => {
    const { name } = score
    if ('judge' in score) {
      const values = judged.get(name)
      return values === undefined ? [] : [{ name, wish: (slot) => values[slot] ?? 0, kind: 'ofHost' }]
    }
    const wish = score.prepare(ask, cluster)
    return wish === null ? [] : [{ name, wish, kind: score.ofHost === true ? 'ofHost' : score.scale }]
  })

/** A wish by its weight. */
interface Part {
  readonly name: ScoreName
  readonly value: Wish
}

export class Ranking {
  /** By weight, those that the host alone decides; sums begin with them. */
  readonly ofHost: readonly Wish[]
  readonly #ofHost: readonly Part[]
  readonly #others: readonly Wished[]

  constructor(wishes: readonly Wished[]) {
    this.#ofHost = wishes.filter(({ kind }) => kind === 'ofHost').map(({ name, wish }) => share(name, wish))
    this.ofHost = this.#ofHost.map(({ value }) => value)
    this.#others = wishes.filter(({ kind }) => kind !== 'ofHost')
  }

  /** The most wished for, of equal ones the first slot. `worth`: sums of `ofHost`, by slot. `fit`: slots in ascending order. */
  best(worth: Float64Array, fit: readonly number[]): { readonly slot: number; readonly score: number } | null {
    const others = this.#among(fit)
    let best = -1
    let most = -Infinity
    for (const slot of fit) {
      let score = worth[slot] ?? 0
      for (const { value } of others) score += value(slot)
      if (score <= most) continue
      best = slot
      most = score
    }
    return best < 0 ? null : { slot: best, score: most }
  }

  /** The most wished for first. */
  sorted(
    fit: readonly number[],
  ): readonly { readonly slot: number; readonly score: number; readonly parts: ScoreParts }[] {
    const all = [...this.#ofHost, ...this.#among(fit)]
    return fit
      .map((slot) => {
        const values = all.map(({ name, value }) => [name, value(slot)] as const)
        return { slot, score: values.reduce((sum, [, value]) => sum + value, 0), parts: Object.fromEntries(values) }
      })
      .sort((a, b) => b.score - a.score || a.slot - b.slot)
  }

  #among(fit: readonly number[]): readonly Part[] {
    return this.#others.map(({ name, wish, kind }) =>
      kind === 'compare' ? compared(name, wish, fit) : share(name, wish),
    )
  }
}

const share = (name: ScoreName, wish: Wish): Part => {
  const weight = WEIGHTS[name]
  return { name, value: (slot) => weight * wish(slot) }
}

/** Its place between the least and the most of all fit hosts; the whole weight when they are wished for alike. */
function compared(name: ScoreName, wish: Wish, fit: readonly number[]): Part {
  const weight = WEIGHTS[name]
  let [least, most] = [Infinity, -Infinity]
  for (const slot of fit) {
    const value = wish(slot)
    if (value < least) least = value
    if (value > most) most = value
  }
  return { name, value: most > least ? (slot) => (weight * (wish(slot) - least)) / (most - least) : () => weight }
}
