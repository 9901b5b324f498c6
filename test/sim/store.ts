// The scheduler's store, as a process that can be killed between any two writes has it, and with a disk that can be full.
import type { StoreError } from '../../lib/store/store.ts'
import {
  type Change,
  type Entry,
  type Expect,
  type ListOptions,
  type ListResult,
  type Op,
  type Revision,
  type Store,
  type StoreKey,
  type Telling,
  unavailable,
} from '../../lib/store/store.ts'
import type { Life, Timeline } from './time.ts'

/** What happens at a write of the process. */
export type Fate = 'goes on' | 'dies before' | 'dies after'

export interface GatedStoreOptions {
  readonly inner: Store
  readonly life: Life
  readonly timeline: Timeline
  readonly fate: () => Fate
  /** The process is killed by its fate. */
  readonly kill: () => void
}

/** Never: whoever waits for it is dead. */
const NEVER = new Promise<never>(() => undefined)

export class GatedStore implements Store {
  readonly #options: GatedStoreOptions
  readonly #troubled = new Set<(trouble: StoreError | null) => void>()
  #full: StoreError | null = null

  constructor(options: GatedStoreOptions) {
    this.#options = options
  }

  get id(): string {
    return this.#options.inner.id
  }

  revision(): Revision {
    return this.#options.inner.revision()
  }

  compacted(): Revision {
    return this.#options.inner.compacted()
  }

  get(key: StoreKey): Promise<Entry | null> {
    return this.#options.life.alive ? this.#options.inner.get(key) : NEVER
  }

  list(resource: string, options?: ListOptions): Promise<ListResult> {
    return this.#options.life.alive ? this.#options.inner.list(resource, options) : NEVER
  }

  async transact(ops: readonly Op[]): Promise<readonly (Entry | null)[]> {
    const { inner, life, timeline, fate, kill } = this.#options
    if (!life.alive) return NEVER
    if (this.#full !== null) throw this.#full
    timeline.alive()
    const writes = ops.some(({ op }) => op !== 'check')
    const what = writes ? fate() : 'goes on'
    if (what === 'dies before') {
      kill()
      return NEVER
    }
    try {
      const result = await inner.transact(ops)
      if (what === 'dies after') kill()
      return life.alive ? result : NEVER
    } finally {
      timeline.alive()
    }
  }

  async create(key: StoreKey, value: Entry['value']): Promise<Entry> {
    return one(await this.transact([{ op: 'create', key, value }]))
  }

  async update(key: StoreKey, value: Entry['value'], expect: Expect = {}, telling: Telling = {}): Promise<Entry> {
    return one(await this.transact([{ op: 'update', key, value, expect, ...telling }]))
  }

  async delete(key: StoreKey, expect: Expect = {}): Promise<void> {
    await this.transact([{ op: 'delete', key, expect }])
  }

  watch(from: Parameters<Store['watch']>[0], signal: AbortSignal): AsyncIterable<Change> {
    return this.#options.inner.watch(from, signal)
  }

  trouble(): StoreError | null {
    return this.#full
  }

  onTrouble(listener: (trouble: StoreError | null) => void): () => void {
    this.#troubled.add(listener)
    return () => this.#troubled.delete(listener)
  }

  subscribe(listener: (changes: readonly Change[]) => void): () => void {
    const { inner, life } = this.#options
    return inner.subscribe((changes) => {
      if (life.alive) listener(changes)
    })
  }

  setFull(full: boolean): void {
    this.#full = full ? unavailable('full', 'no space is left on the disk of the store') : null
    for (const listener of [...this.#troubled]) listener(this.#full)
  }

  close(): Promise<void> {
    return this.#options.inner.close()
  }
}

function one(result: readonly (Entry | null)[]): Entry {
  const [entry] = result
  if (entry === undefined || entry === null) throw new TypeError('a write without an entry')
  return entry
}
