// An index of the VMs that terms speak of: each selection knows, per host, its VMs and those that claim something against them. It is
// kept true at each change of one VM, so that a decision never looks at all of them.
import type { VmFacts } from './facts.ts'
import type { Host, Placed } from './host.ts'
import { isSelected, markOf, marksOf, type SelectionSpec, selectionOf } from './terms.ts'
import type { Topology } from './topology.ts'
import type { LabelsOfNamespace } from './types.ts'

/** What a placed VM demands of the neighbourhood of a selection's VMs, in the domains of a node label. */
export interface Claim {
  readonly selection: Selection
  readonly topologyKey: string
  /** Null: none of them may be near (required). Else how welcome they are: preferences, negative ones for anti-affinity. */
  readonly weight: number | null
}

/** A VM that has a place, with what it demands of the neighbourhood of others. */
export interface Held extends Placed {
  readonly claims: readonly Claim[]
}

/** Of the selections that nobody placed claims, this many are kept, the last used ones. */
const MAX_IDLE = 1024

type PerHost<T> = Map<Host, T>

/** VMs of equal terms. */
export class Selection {
  readonly spec: SelectionSpec
  readonly mark: string | null
  /** Its VMs. */
  readonly members: PerHost<Set<Held>> = new Map()
  /** Placed VMs that none of its VMs may be near, by node label. */
  readonly banners = new Map<string, PerHost<Set<Held>>>()
  /** Sums of the weights with which placed VMs want its VMs near, by node label. */
  readonly wishes = new Map<string, PerHost<number>>()
  /** How many claims hold it. */
  claims = 0

  constructor(spec: SelectionSpec) {
    this.spec = spec
    this.mark = markOf(spec)
  }

  add(held: Held): void {
    addTo(this.members, held.host, held)
  }

  delete(held: Held): void {
    deleteFrom(this.members, held.host, held)
  }

  claim(held: Held, { topologyKey, weight }: Claim): void {
    this.claims += 1
    if (weight === null) addTo(entry(this.banners, topologyKey), held.host, held)
    else this.#wish(topologyKey, held.host, weight)
  }

  unclaim(held: Held, { topologyKey, weight }: Claim): void {
    this.claims -= 1
    if (weight !== null) {
      this.#wish(topologyKey, held.host, -weight)
      return
    }
    const banners = this.banners.get(topologyKey)
    if (banners === undefined) return
    deleteFrom(banners, held.host, held)
    if (banners.size === 0) this.banners.delete(topologyKey)
  }

  #wish(topologyKey: string, host: Host, weight: number): void {
    const wishes = entry(this.wishes, topologyKey)
    const sum = (wishes.get(host) ?? 0) + weight
    if (sum === 0) wishes.delete(host)
    else wishes.set(host, sum)
    if (wishes.size === 0) this.wishes.delete(topologyKey)
  }
}

export class Selections {
  readonly #byKey = new Map<string, Selection>()
  /** Selections by the mark that all of their VMs have; null for those without one. */
  readonly #byMark = new Map<string | null, Set<Selection>>()
  readonly #heldByMark = new Map<string | null, Set<Held>>()
  readonly #labelsOfNamespace: LabelsOfNamespace
  #trimAbove = MAX_IDLE

  constructor(labelsOfNamespace: LabelsOfNamespace) {
    this.#labelsOfNamespace = labelsOfNamespace
  }

  /** The one of equal ones, filled. */
  of(spec: SelectionSpec): Selection {
    const known = this.#byKey.get(spec.key)
    if (known !== undefined) {
      if (known.claims === 0) {
        this.#byKey.delete(spec.key)
        this.#byKey.set(spec.key, known)
      }
      return known
    }
    const selection = new Selection(spec)
    this.#byKey.set(spec.key, selection)
    entrySet(this.#byMark, selection.mark).add(selection)
    this.#fill(selection)
    return selection
  }

  /** Those that the VM is one of, or would be. */
  including(vm: VmFacts): readonly Selection[] {
    return this.#including(vm, marksOf(vm))
  }

  #including(vm: VmFacts, marks: readonly string[]): readonly Selection[] {
    const found: Selection[] = []
    const test = (selection: Selection) => {
      if (isSelected(selection.spec, vm, this.#labelsOfNamespace)) found.push(selection)
    }
    for (const mark of marks) this.#byMark.get(mark)?.forEach(test)
    this.#byMark.get(null)?.forEach(test)
    return found
  }

  /** What a VM will claim once it has a place. */
  claimsOf(vm: VmFacts): readonly Claim[] {
    if (vm.apart.length + vm.preferNear.length + vm.preferApart.length === 0) return NO_CLAIMS
    const claims: Claim[] = []
    const claim = (term: VmFacts['apart'][number], weight: number | null) => {
      const spec = selectionOf(vm, term)
      if (spec !== null) claims.push({ selection: this.of(spec), topologyKey: term.topologyKey, weight })
    }
    for (const term of vm.apart) claim(term, null)
    for (const { weight, term } of vm.preferNear) claim(term, weight)
    for (const { weight, term } of vm.preferApart) claim(term, -weight)
    return claims
  }

  add(held: Held): void {
    const marks = marksOf(held.vm)
    for (const mark of marks) entrySet(this.#heldByMark, mark).add(held)
    entrySet(this.#heldByMark, null).add(held)
    for (const selection of this.#including(held.vm, marks)) selection.add(held)
    for (const claim of held.claims) claim.selection.claim(held, claim)
  }

  delete(held: Held): void {
    const marks = marksOf(held.vm)
    for (const mark of [...marks, null]) {
      const all = this.#heldByMark.get(mark)
      all?.delete(held)
      if (all?.size === 0) this.#heldByMark.delete(mark)
    }
    for (const selection of this.#including(held.vm, marks)) selection.delete(held)
    for (const claim of held.claims) claim.selection.unclaim(held, claim)
  }

  /**
   * Uids of placed VMs that may be too near to others by required anti-affinity of one of them: of every domain with somebody who bans and
   * somebody else who is banned, all of both. Found by the bans, not by looking at all VMs.
   */
  suspects(topologyOf: (key: string) => Topology): ReadonlySet<string> {
    const found = new Set<string>()
    for (const { banners, members } of this.#byKey.values())
      for (const [key, holders] of banners) {
        const topology = topologyOf(key)
        const domains = new Map<number, Set<string>>()
        for (const [host, banning] of holders) {
          const domain = topology.domainOf(host.slot)
          if (domain >= 0) for (const { vm } of banning) entrySet(domains, domain).add(vm.uid)
        }
        const banned = new Set<number>()
        for (const [host, all] of members) {
          const uids = domains.get(topology.domainOf(host.slot))
          if (uids === undefined) continue
          banned.add(topology.domainOf(host.slot))
          for (const { vm } of all) uids.add(vm.uid)
        }
        for (const domain of banned) {
          const uids = domains.get(domain)
          if (uids !== undefined && uids.size > 1) for (const uid of uids) found.add(uid)
        }
      }
    return found
  }

  /** Forgets the oldest unclaimed ones. Never while a change may still be taken back: what it brings back has claims. */
  trim(): void {
    if (this.#byKey.size <= this.#trimAbove) return
    const idle = [...this.#byKey.values()].filter(({ claims }) => claims === 0)
    for (const selection of idle.slice(0, Math.max(0, idle.length - MAX_IDLE))) this.#drop(selection)
    this.#trimAbove = this.#byKey.size + MAX_IDLE
  }

  /** After a change of a namespace's labels: selections that look at them are filled anew. */
  refill(): void {
    for (const selection of this.#byKey.values()) {
      if (selection.spec.namespaceSelector === null) continue
      for (const members of [...selection.members.values()]) for (const held of [...members]) selection.delete(held)
      this.#fill(selection)
    }
  }

  #fill(selection: Selection): void {
    for (const held of this.#heldByMark.get(selection.mark) ?? [])
      if (isSelected(selection.spec, held.vm, this.#labelsOfNamespace)) selection.add(held)
  }

  #drop(selection: Selection): void {
    this.#byKey.delete(selection.spec.key)
    const same = this.#byMark.get(selection.mark)
    same?.delete(selection)
    if (same?.size === 0) this.#byMark.delete(selection.mark)
  }
}

const NO_CLAIMS: readonly Claim[] = []

function entry<T>(map: Map<string, PerHost<T>>, key: string): PerHost<T> {
  const found = map.get(key)
  if (found !== undefined) return found
  const fresh: PerHost<T> = new Map()
  map.set(key, fresh)
  return fresh
}

function entrySet<K, T>(map: Map<K, Set<T>>, key: K): Set<T> {
  const found = map.get(key)
  if (found !== undefined) return found
  const fresh = new Set<T>()
  map.set(key, fresh)
  return fresh
}

const addTo = (map: PerHost<Set<Held>>, host: Host, held: Held): void => {
  entrySet(map, host).add(held)
}

function deleteFrom(map: PerHost<Set<Held>>, host: Host, held: Held): void {
  const all = map.get(host)
  all?.delete(held)
  if (all?.size === 0) map.delete(host)
}
