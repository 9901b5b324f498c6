// What a filter is: one rule about where a VM may be, that says no in words.
import type { Cluster } from './cluster.ts'
import type { Ask } from './facts.ts'
import type { KnownHost } from './host.ts'

export type FilterName =
  | 'Asked'
  | 'Readiness'
  | 'Cordon'
  | 'Taints'
  | 'NodeSelector'
  | 'ClassSelector'
  | 'NodeAffinity'
  | 'CpuModel'
  | 'Accelerator'
  | 'Storage'
  | 'Devices'
  | 'Cpu'
  | 'Memory'
  | 'Affinity'
  | 'AntiAffinity'
  | 'Spread'

/** Why one host is no place for one VM. Holds the facts of that moment; words are made when asked for. */
export interface Refusal {
  readonly filter: FilterName
  /** Few words by which hosts are counted: `cordoned`. */
  readonly group: string
  /** The whole reason. */
  readonly words: string
  /** Of an amount that is short: what there is. */
  readonly free?: number
  /** Words for the group, with the most that any of its hosts has: `needs 2.1 GiB, 1 GiB free at best`. */
  readonly best?: (free: number) => string
  /** Fewer VMs on the host, or in its domain, could change it. */
  readonly curable?: boolean
}

/** Judges one host; null: this rule has nothing against it. */
export type Check = (host: KnownHost) => Refusal | null

export interface Filter {
  readonly name: FilterName
  /** Reads once what all hosts are judged by. Null: the VM asks for nothing that this rule is about. */
  prepare(ask: Ask, cluster: Cluster): Check | null
}

/** A refusal whose words are a constant, or cheap. */
export const refuse = (filter: FilterName, group: string, words: string): Refusal => ({ filter, group, words })

/** A refusal whose words are made when asked for. */
export class LazyRefusal implements Refusal {
  readonly filter: FilterName
  readonly group: string
  readonly curable: boolean
  readonly #words: () => string

  constructor(filter: FilterName, group: string, words: () => string, curable = false) {
    this.filter = filter
    this.group = group
    this.curable = curable
    this.#words = words
  }

  get words(): string {
    return this.#words()
  }
}

/** An amount that is short. */
export class Shortage implements Refusal {
  readonly filter: FilterName
  readonly what: string
  readonly free: number
  readonly curable: boolean
  readonly #needs: number
  readonly #of: number
  readonly #say: (amount: number) => string

  constructor(filter: FilterName, what: string, amounts: ShortAmounts, curable = true) {
    this.filter = filter
    this.what = what
    this.curable = curable
    this.free = Math.max(0, amounts.free)
    this.#needs = amounts.needs
    this.#of = amounts.of
    this.#say = amounts.say
  }

  get group(): string {
    return `insufficient ${this.what}`
  }

  get words(): string {
    return `not enough ${this.what}: needs ${this.#say(this.#needs)}, ${this.#say(this.free)} of ${this.#say(this.#of)} free`
  }

  readonly best = (free: number): string => `needs ${this.#say(this.#needs)}, ${this.#say(free)} free at best`
}

export interface ShortAmounts {
  readonly needs: number
  readonly free: number
  /** All that the host has. */
  readonly of: number
  readonly say: (amount: number) => string
}
