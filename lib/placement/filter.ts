// What a filter is: one rule about where a VM may be, that says no in words. It is made ready for one VM at one moment, and holds what it
// read: what changes later does not reach it, so its words may be asked for at any time.
import type { Ask, NodeFacts } from './facts.ts'
import type { Scene } from './scene.ts'
import type { Shape, ShapeField } from './shape.ts'

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
  | 'Tpm'
  | 'Storage'
  | 'Devices'
  | 'Cpu'
  | 'Memory'
  | 'Affinity'
  | 'AntiAffinity'
  | 'Spread'

/** Why one host is no place for one VM. */
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

/** A filter made ready. Hosts are meant by their slots. */
export interface Rule {
  /** Whether it has nothing against a host. */
  fits(slot: number): boolean
  /** Its reason against a host that does not fit. */
  why(slot: number): Refusal
}

/** A rule about where other VMs are, or about the request. */
export interface Filter {
  readonly name: FilterName
  readonly ofHost?: undefined
  /** Null: the VM asks for nothing that this rule is about. */
  prepare(ask: Ask, scene: Scene): Rule | null
}

/** A rule about what is left of a host: the host's own facts and its VMs' amounts decide alone, for VMs of one shape alike. */
export interface HostFilter {
  readonly name: FilterName
  readonly ofHost: true
  prepare(shape: Shape, scene: Scene): Rule | null
}

/** Judges a host by its own facts; null: nothing is against it. */
export type NodeCheck = (facts: NodeFacts) => Refusal | null

/** A rule about the host's own facts: its verdicts on VMs of one shape hold until these facts change. `Field`: what it reads of a VM. */
export interface NodeFilter<Field extends ShapeField = ShapeField> {
  readonly name: FilterName
  /** Null: VMs of this shape ask for nothing that this rule is about. */
  check(shape: Shape<Field>): NodeCheck | null
}

export type AnyFilter = Filter | HostFilter | NodeFilter

/** Any filter made ready. */
export function ruleOf(filter: AnyFilter, ask: Ask, scene: Scene): Rule | null {
  if ('prepare' in filter) return filter.prepare(ask, scene)
  const check = filter.check(ask)
  return check === null ? null : ruleOfNodes(check, scene.facts)
}

/** `hosts`: by slot. */
export function ruleOfNodes(check: NodeCheck, hosts: readonly NodeFacts[]): Rule {
  const judge = (slot: number) => {
    const host = hosts[slot]
    return host === undefined ? null : check(host)
  }
  return { fits: (slot) => judge(slot) === null, why: (slot) => judge(slot) as Refusal }
}

/** All of some rules. */
export function allOf(rules: readonly Rule[]): Rule | null {
  const [first] = rules
  if (first === undefined || rules.length === 1) return first ?? null
  const open = (slot: number) => rules.find((rule) => !rule.fits(slot))
  return { fits: (slot) => open(slot) === undefined, why: (slot) => (open(slot) ?? first).why(slot) }
}

export const refuse = (filter: FilterName, group: string, words: string, curable = false): Refusal => ({
  filter,
  group,
  words,
  curable,
})

/** What is counted, and how it is said. */
export interface Amount {
  readonly filter: FilterName
  readonly what: string
  readonly group: string
  readonly say: (amount: number) => string
}

export const amountOf = (filter: FilterName, what: string, say: Amount['say']): Amount => ({
  filter,
  what,
  group: `insufficient ${what}`,
  say,
})

interface Short {
  readonly needs: number
  readonly free: number
  /** All that the host has. */
  readonly of: number
}

/** An amount that is short. */
export class Shortage implements Refusal {
  readonly #amount: Amount
  readonly #needs: number
  readonly #of: number
  readonly free: number
  readonly curable: boolean

  constructor(amount: Amount, { needs, free, of }: Short, curable = true) {
    this.#amount = amount
    this.#needs = needs
    this.#of = of
    this.free = Math.max(0, free)
    this.curable = curable
  }

  get filter(): FilterName {
    return this.#amount.filter
  }

  get group(): string {
    return this.#amount.group
  }

  get words(): string {
    const { what, say } = this.#amount
    return `not enough ${what}: needs ${say(this.#needs)}, ${say(this.free)} of ${say(this.#of)} free`
  }

  best(free: number): string {
    const { say } = this.#amount
    return `needs ${say(this.#needs)}, ${say(free)} free at best`
  }
}
