// The domains that a node label makes of the known hosts, as small numbers.
import type { NodeFacts } from './facts.ts'

export class Topology {
  readonly key: string
  /** Names of the domains. */
  readonly values: readonly string[]
  readonly #of: Int32Array

  /** `hosts`: by slot. */
  constructor(key: string, hosts: readonly NodeFacts[]) {
    this.key = key
    this.#of = new Int32Array(hosts.length).fill(-1)
    const numbers = new Map<string, number>()
    for (const [slot, { labels }] of hosts.entries()) {
      if (!Object.hasOwn(labels, key)) continue
      const value = labels[key] ?? ''
      let number = numbers.get(value)
      if (number === undefined) {
        number = numbers.size
        numbers.set(value, number)
      }
      this.#of[slot] = number
    }
    this.values = [...numbers.keys()]
  }

  get size(): number {
    return this.values.length
  }

  /** The domain of the host with a slot; -1 when it is in none: it has no such label, or is not known (slot -1). */
  domainOf(slot: number): number {
    return slot < 0 ? -1 : (this.#of[slot] ?? -1)
  }
}
