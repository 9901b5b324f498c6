// The known hosts as they are until the facts of one of them change: by name, each with a number (its slot), and what follows from these
// facts and from the amounts of their VMs. A new roster takes the place of the old one then; what was decided with the old one keeps it.
import { Column, type Measure, type Numbers } from './column.ts'
import type { NodeFacts } from './facts.ts'
import type { KnownHost } from './host.ts'
import type { Domains } from './scene.ts'
import { keyOf, type Shape } from './shape.ts'
import { Standing } from './standing.ts'
import { Topology } from './topology.ts'

/** Changes that are remembered for standings, for each host: beyond them, looking at all hosts again is as cheap. */
const CHANGES_PER_HOST = 4

export class Roster {
  /** By name: of equally good hosts the one with the least slot is the first by name. */
  readonly hosts: readonly KnownHost[]
  /** By slot. */
  readonly facts: readonly NodeFacts[]
  /** What topology spreads count by, by node labels and by what the VM asks of a host. */
  readonly domains = new Remembered<Domains>()
  readonly #topologies = new Remembered<Topology>()
  readonly #columns = new Remembered<Column>()
  readonly #standings = new Remembered<Standing>()
  readonly #changes: number[] = []

  /** Gives each host its slot. `hosts`: by name. */
  constructor(hosts: readonly KnownHost[]) {
    for (const [slot, host] of hosts.entries()) host.slot = slot
    this.hosts = hosts
    this.facts = hosts.map(({ facts }) => facts)
  }

  /** Slots of hosts whose VMs' amounts changed, in the order of the changes. */
  get changes(): readonly number[] {
    return this.#changes
  }

  /** After a change of what VMs take of a host. */
  changed(host: KnownHost): void {
    for (const column of this.#columns.values()) column.update(host)
    this.#changes.push(host.slot)
    if (this.#changes.length <= CHANGES_PER_HOST * this.hosts.length) return
    this.#standings.clear()
    this.#changes.length = 0
  }

  /** A measure of all hosts at this moment. */
  numbers(measure: Measure): Numbers {
    return this.#columns.of(measure.key, () => new Column(measure, this.hosts)).now
  }

  standing(shape: Shape): Standing {
    return this.#standings.of(keyOf(shape), () => new Standing(shape, this.facts))
  }

  topology(key: string): Topology {
    return this.#topologies.of(key, () => new Topology(key, this.facts))
  }
}

/** Things by a key, made at the first question. VMs come in few shapes; what is forgotten costs one pass over the hosts. */
class Remembered<T> {
  static readonly #MAX = 128
  readonly #known = new Map<string, T>()

  of(key: string, make: () => T): T {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (this.#known.size >= Remembered.#MAX) this.clear()
    const made = make()
    this.#known.set(key, made)
    return made
  }

  values(): Iterable<T> {
    return this.#known.values()
  }

  clear(): void {
    this.#known.clear()
  }
}
