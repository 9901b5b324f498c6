// Which scheduler rules. A term is stored and raised at each start; most of the hosts must accept it before this process does anything to
// any of them. A host that obeys a newer scheduler, or has heard of a newer store than this one's, ends this process's rule for good.
import { randomUUID } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import { timestamp } from '../../lib/clock.ts'
import type { KubeObject } from '../../lib/object.ts'
import type { Store, StoreKey } from '../../lib/store/store.ts'
import type { Ruler as RulerMark } from '../../schemas/index.ts'

export type RulerState =
  /** Not enough hosts have accepted yet. */
  | { readonly kind: 'claiming'; readonly message: string }
  | { readonly kind: 'ruling' }
  /** Another scheduler rules. */
  | { readonly kind: 'superseded'; readonly message: string }
  /** The hosts have seen a newer store than this one: it was restored from an old copy. */
  | { readonly kind: 'outdated'; readonly message: string }

/** What a host answered to a claim. */
export interface ClaimWord {
  readonly accepted: boolean
  readonly instance: string
  readonly term: number
  readonly revision: string
  readonly message?: string
}

/** Kept in the store beside the objects, and served to nobody. */
const KEY: StoreKey = { resource: 'rulers.cluster.berth', namespace: '', name: 'term' }

interface TermObject extends KubeObject {
  readonly spec: { readonly term: number }
}

export interface RulerDeps {
  readonly store: Store
  readonly clock: Clock
  /** Names of the joined nodes. */
  readonly members: () => readonly string[]
}

export class Ruler {
  readonly instance = randomUUID()
  readonly #deps: RulerDeps
  readonly #accepted = new Set<string>()
  /** Nodes that obey somebody else, in their words. */
  readonly #foreign = new Map<string, string>()
  readonly #listeners = new Set<() => void>()
  #term = 0
  #raising: Promise<void> | null = null
  #state: RulerState = { kind: 'claiming', message: 'the hosts have not been asked yet' }

  constructor(deps: RulerDeps) {
    this.#deps = deps
  }

  get state(): RulerState {
    return this.#state
  }

  get term(): number {
    return this.#term
  }

  /** How this scheduler signs, now; null while it does not rule. */
  mark(): RulerMark | null {
    return this.#state.kind === 'ruling' ? this.signature() : null
  }

  signature(): RulerMark {
    return { instance: this.instance, term: this.#term, revision: String(this.#deps.store.revision()) }
  }

  /** In words, why it does nothing; null while it rules. */
  refusal(): string | null {
    return this.#state.kind === 'ruling' ? null : this.#state.message
  }

  /** Another scheduler rules, or this one's store is old: for good. */
  get isOver(): boolean {
    return this.#state.kind === 'superseded' || this.#state.kind === 'outdated'
  }

  /** Whether this node may be written to: it has accepted this term. */
  isAcceptedBy(node: string): boolean {
    return this.#accepted.has(node)
  }

  /** In words, why this node is not written to though this scheduler rules; null when it is. */
  problem(node: string): string | null {
    if (this.#accepted.has(node)) return null
    return this.#foreign.get(node) ?? 'it has not accepted this scheduler yet'
  }

  /** Called at each change of the state. Returns the unsubscribe function. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Takes a term that is higher than `least` and every one before, on disk before it is used. */
  async raise(least = 0): Promise<void> {
    const { store, clock } = this.#deps
    const entry = await store.get(KEY)
    const stored = entry === null ? 0 : (entry.value as TermObject).spec.term
    const term = Math.max(stored, least, this.#term) + 1
    const value = termObject(term, timestamp(clock.now()), entry?.value.metadata.uid ?? randomUUID())
    if (entry === null) await store.create(KEY, value)
    else await store.update(KEY, value, { revision: entry.revision })
    this.#term = term
    this.#accepted.clear()
  }

  /** Takes what a host answered. @returns `again` when a higher term has to be claimed first */
  async hear(node: string, word: ClaimWord): Promise<'done' | 'again'> {
    if (this.isOver) return 'done'
    if (BigInt(word.revision || '0') > this.#deps.store.revision()) {
      this.#become({
        kind: 'outdated',
        message:
          `${node} has heard of revision ${word.revision} of the scheduler's store, and this store has come to ${this.#deps.store.revision()} only: ` +
          'it is an old copy. Nothing is done to any host; add to it what hosts have with berth-scheduler --rebuild --missing NODE=URL...',
      })
      return 'done'
    }
    if (word.accepted && word.instance === this.instance && word.term === this.#term) {
      this.#accepted.add(node)
      this.#foreign.delete(node)
      this.#count()
      return 'done'
    }
    if (this.#state.kind === 'ruling') {
      const words = word.message || `it obeys another scheduler (term ${word.term})`
      this.#foreign.set(node, words)
      // One that came from elsewhere is left alone. One that had accepted, or most of them: this rule is over.
      const members = this.#deps.members().length
      if (this.#accepted.has(node) || this.#foreign.size * 2 > members) this.supersede(node, words)
      return 'done'
    }
    // Before its rule begins it may claim a higher term: an earlier life of this cluster had come further.
    if (word.term >= this.#term) {
      this.#raising ??= this.raise(word.term).finally(() => {
        this.#raising = null
      })
      await this.#raising
    }
    return 'again'
  }

  /** A host obeys a newer scheduler. */
  supersede(node: string, words: string): void {
    if (this.isOver) return
    this.#become({
      kind: 'superseded',
      message: `another scheduler rules this cluster: ${node} says ${words}. This one does nothing any more`,
    })
  }

  /** A host has no memory of having accepted this scheduler: it is asked again. */
  forgottenBy(node: string): void {
    this.#accepted.delete(node)
  }

  /** A node left: fewer are needed. */
  recount(): void {
    if (this.#state.kind === 'claiming') this.#count()
  }

  #count(): void {
    const members = this.#deps.members()
    const accepted = members.filter((node) => this.#accepted.has(node)).length
    if (this.#state.kind === 'ruling' || accepted * 2 > members.length || members.length === 0) {
      if (this.#state.kind !== 'ruling') this.#become({ kind: 'ruling' })
      return
    }
    this.#become({
      kind: 'claiming',
      message: `${accepted} of ${members.length} hosts have accepted this scheduler; more than half are needed`,
    })
  }

  #become(state: RulerState): void {
    const same = JSON.stringify(state) === JSON.stringify(this.#state)
    this.#state = state
    if (!same) for (const listener of this.#listeners) listener()
  }
}

const termObject = (term: number, now: string, uid: string): TermObject => ({
  apiVersion: 'cluster.berth/v1',
  kind: 'Ruler',
  metadata: { name: KEY.name, uid, resourceVersion: '', creationTimestamp: now },
  spec: { term },
})
