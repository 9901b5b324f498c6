// How hosts, each by itself, stand to VMs of one shape: whether one may be there, and how much it is wished for. Kept; hosts whose VMs
// changed since are judged again.
import type { NodeFacts } from './facts.ts'
import type { Rule } from './filter.ts'
import { FILTERS } from './filters/index.ts'
import type { ScoreName, Wish } from './score.ts'
import { SCORES } from './scores/index.ts'
import type { Shape } from './shape.ts'

/** No place for the VM. */
const NONE = -Infinity

export class Standing {
  /** Wishes about hosts' own facts, by slot. */
  readonly wishes: ReadonlyMap<ScoreName, Float64Array>
  /** By slot, 1 where no rule about hosts' own facts says no. Never changed. */
  readonly allowed: Uint8Array
  readonly #worth: Float64Array
  /** How many of the roster's changes are in; null: nothing is judged yet. */
  #seen: number | null = null

  /** `hosts`: by slot. */
  constructor(shape: Shape, hosts: readonly NodeFacts[]) {
    const checks = FILTERS.flatMap((filter) => ('check' in filter ? (filter.check(shape) ?? []) : []))
    this.allowed = Uint8Array.from(hosts, (host) => (checks.every((check) => check(host) === null) ? 1 : 0))
    this.#worth = new Float64Array(hosts.length)
    this.wishes = new Map(
      SCORES.flatMap((score) => {
        const wish = 'judge' in score ? score.judge(shape, hosts) : null
        return wish === null ? [] : [[score.name, Float64Array.from(hosts, wish)] as const]
      }),
    )
  }

  /**
   * By slot: the sum of `wishes`, -Infinity for a host that `rules` or its own facts refuse. True until the next change.
   * `changes`: slots in the order in which their amounts changed. Rules and wishes are those of any VM of the shape, as of now.
   */
  worth(changes: readonly number[], rules: readonly Rule[], wishes: readonly Wish[]): Float64Array {
    const from = this.#seen
    this.#seen = changes.length
    if (from === null || changes.length - from > this.#worth.length)
      for (let slot = 0; slot < this.#worth.length; slot += 1) this.#judge(slot, rules, wishes)
    else for (let index = from; index < changes.length; index += 1) this.#judge(changes[index] ?? 0, rules, wishes)
    return this.#worth
  }

  #judge(slot: number, rules: readonly Rule[], wishes: readonly Wish[]): void {
    const isPlace = this.allowed[slot] === 1 && rules.every((rule) => rule.fits(slot))
    this.#worth[slot] = isPlace ? wishes.reduce((sum, wish) => sum + wish(slot), 0) : NONE
  }
}
