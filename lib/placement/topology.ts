// The domains that a node label makes of the known hosts, as small numbers.
import type { Host, KnownHost } from './host.ts'

export class Topology {
  readonly key: string
  /** Names of the domains. */
  readonly values: readonly string[]
  readonly #of: Int32Array

  constructor(key: string, hosts: readonly KnownHost[]) {
    this.key = key
    this.#of = new Int32Array(hosts.length).fill(-1)
    const numbers = new Map<string, number>()
    for (const { slot, facts } of hosts) {
      if (!Object.hasOwn(facts.labels, key)) continue
      const value = facts.labels[key] ?? ''
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

  /** The domain of a host; -1 when it is in none: it has no such label, or is not known. */
  domainOf({ slot }: Host): number {
    return slot < 0 ? -1 : (this.#of[slot] ?? -1)
  }
}
