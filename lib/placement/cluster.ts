// The state that placement decides by: hosts, VMs with a place, labels of namespaces. Kept true by small changes; the same facts give
// the same answers in whatever order they came. No I/O, no clock.
import type { NodeFacts, VmFacts } from './facts.ts'
import { Host, type KnownHost } from './host.ts'
import { compare } from './order.ts'
import { Roster } from './roster.ts'
import { type Held, type Selection, Selections } from './selections.ts'
import type { SelectionSpec } from './terms.ts'
import type { Topology } from './topology.ts'
import type { Labels } from './types.ts'

const NAME_LABEL = 'kubernetes.io/metadata.name'

export class Cluster {
  readonly #hosts = new Map<string, Host>()
  /** Known hosts by name; null after one came or went. */
  #known: readonly KnownHost[] | null = null
  /** Null after a change of what is known of a host. */
  #roster: Roster | null = null
  readonly #namespaces = new Map<string, Labels>()
  /** By uid; more than one while a VM migrates. */
  readonly #held = new Map<string, readonly Held[]>()
  readonly #selections = new Selections((namespace) => this.labelsOfNamespace(namespace))
  readonly #undo: (() => void)[] = []
  #depth = 0

  /** The known hosts, and what follows from their facts. Asked for anew after each change. */
  get roster(): Roster {
    this.#known ??= [...this.#hosts.values()].filter(isKnown).sort((a, b) => compare(a.name, b.name))
    this.#roster ??= new Roster(this.#known)
    return this.#roster
  }

  /** Hosts that are known, by name. The list is not changed by later calls. */
  get hosts(): readonly KnownHost[] {
    return this.roster.hosts
  }

  /** What is known of them. The list is not changed by later calls. */
  get facts(): readonly NodeFacts[] {
    return this.roster.facts
  }

  host(name: string): KnownHost | null {
    const host = this.#hosts.get(name)
    return host !== undefined && isKnown(host) ? host : null
  }

  /** VMs that have a place. */
  get size(): number {
    return this.#held.size
  }

  /** Names of the hosts where a VM has a place, the one that was given first at the front. */
  placesOf(uid: string): readonly string[] {
    return (this.#held.get(uid) ?? []).map(({ host }) => host.name)
  }

  /** Facts of a VM that has a place. */
  vm(uid: string): VmFacts | null {
    return this.#held.get(uid)?.[0]?.vm ?? null
  }

  /** VMs with a place on a host, by name; those alone for which `wanted` is true. */
  vmsOn(node: string, wanted: (vm: VmFacts) => boolean = () => true): readonly VmFacts[] {
    const found: VmFacts[] = []
    for (const { vm } of this.#hosts.get(node)?.held.values() ?? []) if (wanted(vm)) found.push(vm)
    return found.sort((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name) || compare(a.uid, b.uid))
  }

  /** Adds a host, or replaces what is known of it. VMs on it stay. */
  upsertNode(facts: NodeFacts): void {
    const host = this.#hostNamed(facts.name)
    const before = host.facts
    if (before === facts) return
    this.#setFacts(host, facts)
    this.#undoable(() => this.#setFacts(host, before))
  }

  /** Forgets a host. VMs with a place on it keep it, and count nowhere until the host comes back. */
  removeNode(name: string): void {
    const host = this.#hosts.get(name)
    const before = host?.facts ?? null
    if (host === undefined || before === null) return
    this.#setFacts(host, null)
    this.#undoable(() => this.#setFacts(this.#hostNamed(name, host), before))
  }

  upsertNamespace(name: string, labels: Labels): void {
    const before = this.#namespaces.get(name) ?? null
    if (before !== null && sameLabels(before, labels)) return
    this.#setNamespace(name, labels)
    this.#undoable(() => this.#setNamespace(name, before))
  }

  removeNamespace(name: string): void {
    const before = this.#namespaces.get(name)
    if (before === undefined) return
    this.#setNamespace(name, null)
    this.#undoable(() => this.#setNamespace(name, before))
  }

  /** Every namespace has a label with its name, known or not. */
  labelsOfNamespace(name: string): Labels {
    return this.#namespaces.get(name) ?? { [NAME_LABEL]: name }
  }

  /** Gives a VM its one place, whether it fits or not: a fact, or the outcome of a decision. Replaces all places that it had. */
  place(vm: VmFacts, node: string): void {
    const before = this.#held.get(vm.uid)
    if (before?.length === 1 && before[0]?.vm === vm && before[0].host.name === node) return
    this.#changePlaces(vm.uid, [this.#make(vm, node)])
  }

  /** Gives a VM one more place: what a migration reserves at its target. */
  alsoPlace(vm: VmFacts, node: string): void {
    const before = this.#held.get(vm.uid) ?? []
    this.#changePlaces(vm.uid, [...before.filter(({ host }) => host.name !== node), this.#make(vm, node)])
  }

  /** Takes away a VM's place on one host, or all of its places. */
  release(uid: string, node?: string): void {
    const before = this.#held.get(uid)
    if (before === undefined) return
    this.#changePlaces(uid, node === undefined ? [] : before.filter(({ host }) => host.name !== node))
  }

  /**
   * Runs `work` and takes back all that it changed, unless it says `keep`. May be nested. What it throws takes the changes back as well.
   * What-if questions, groups and preemption are made of this.
   */
  attempt<T>(work: () => { readonly keep: boolean; readonly value: T }): T {
    const mark = this.#undo.length
    this.#depth += 1
    let keep = false
    try {
      const done = work()
      keep = done.keep
      return done.value
    } finally {
      if (!keep) while (this.#undo.length > mark) this.#undo.pop()?.()
      this.#depth -= 1
      if (this.#depth === 0) this.#undo.length = 0
    }
  }

  /** Answers a question about another state: all that `work` changes is taken back. */
  whatIf<T>(work: () => T): T {
    return this.attempt(() => ({ keep: false, value: work() }))
  }

  /** The VMs of a term, indexed. */
  selection(spec: SelectionSpec): Selection {
    return this.#selections.of(spec)
  }

  /** Selections that a VM, placed or not, is one of. */
  selectionsWith(vm: VmFacts): readonly Selection[] {
    return this.#selections.including(vm)
  }

  /** Uids of placed VMs that may be too near to others by required anti-affinity; a look at each of them tells. */
  suspects(): ReadonlySet<string> {
    return this.#selections.suspects((key) => this.topology(key))
  }

  /** Forgets what is only kept for speed; called between decisions. */
  trim(): void {
    if (this.#depth === 0) this.#selections.trim()
  }

  topology(key: string): Topology {
    return this.roster.topology(key)
  }

  #undoable(inverse: () => void): void {
    if (this.#depth > 0) this.#undo.push(inverse)
  }

  #hostNamed(name: string, fresh?: Host): Host {
    const found = this.#hosts.get(name)
    if (found !== undefined) return found
    const host = fresh ?? new Host(name)
    this.#hosts.set(name, host)
    return host
  }

  #setFacts(host: Host, facts: NodeFacts | null): void {
    if ((host.facts === null) !== (facts === null)) this.#known = null
    host.facts = facts
    this.#roster = null
    if (facts !== null) return
    host.slot = -1
    this.#forgetEmpty(host)
  }

  #setNamespace(name: string, labels: Labels | null): void {
    if (labels === null) this.#namespaces.delete(name)
    else this.#namespaces.set(name, labels)
    this.#selections.refill()
  }

  #make(vm: VmFacts, node: string): Held {
    return { vm, host: this.#hostNamed(node), claims: this.#selections.claimsOf(vm) }
  }

  #changePlaces(uid: string, places: readonly Held[]): void {
    const before = this.#held.get(uid) ?? []
    this.#setPlaces(uid, places)
    this.#undoable(() => this.#setPlaces(uid, before))
    this.trim()
  }

  #setPlaces(uid: string, places: readonly Held[]): void {
    const before = this.#held.get(uid) ?? []
    for (const held of before) if (!places.includes(held)) this.#delete(held)
    for (const held of places) if (!before.includes(held)) this.#add(held)
    if (places.length === 0) this.#held.delete(uid)
    else this.#held.set(uid, places)
  }

  #add(held: Held): void {
    const host = this.#hostNamed(held.host.name, held.host)
    host.add(held)
    if (isKnown(host)) this.#roster?.changed(host)
    this.#selections.add(held)
  }

  #delete(held: Held): void {
    const { host } = held
    host.delete(held)
    if (isKnown(host)) this.#roster?.changed(host)
    this.#selections.delete(held)
    this.#forgetEmpty(host)
  }

  #forgetEmpty(host: Host): void {
    if (host.facts === null && host.held.size === 0) this.#hosts.delete(host.name)
  }
}

const isKnown = (host: Host): host is KnownHost => host.facts !== null

function sameLabels(a: Labels, b: Labels): boolean {
  if (a === b) return true
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key])
}
