// The SQLite driver of the store: reads in place, writes through the writer, changes to subscribers and watchers. What keeps it small is in upkeep.ts.
import type { KubeObject } from '../../object.ts'
import { keyOf } from '../change.ts'
import {
  type Change,
  type Entry,
  type Expect,
  type ListOptions,
  type ListResult,
  MAX_OPS,
  type Op,
  type Revision,
  type Store,
  StoreError,
  type StoreKey,
  type Telling,
  unavailable,
} from '../store.ts'
import type { Codec } from './codec.ts'
import { isFatal, toStoreError } from './failure.ts'
import { probeWhileTroubled } from './health.ts'
import { RecentChanges } from './recent.ts'
import type { ChangeRow, PageRow } from './rows.ts'
import { SharedValues } from './shared-values.ts'
import { readToken, writeToken } from './token.ts'
import { Upkeep, type UpkeepParts } from './upkeep.ts'
import { Watchers, type WatchScope } from './watchers.ts'
import { type CommitObserver, Writer, type Written } from './writer.ts'

/** Changes that a watcher who is far behind reads from disk at a time. */
const READ_AHEAD = 100

export interface SqliteStoreParts extends UpkeepParts {
  readonly codec: Codec
  readonly observer?: CommitObserver
  /** Gives the process lock back. */
  readonly unlock: () => void
}

export class SqliteStore implements Store {
  readonly id: string
  readonly #parts: SqliteStoreParts
  readonly #values = new SharedValues()
  readonly #writer: Writer
  readonly #recent: RecentChanges
  readonly #watchers: Watchers
  readonly #listeners = new Set<(changes: readonly Change[]) => void>()
  readonly #ending = new AbortController()
  readonly #upkeep: Upkeep

  /** Made by `openSqliteStore`. */
  constructor(parts: SqliteStoreParts) {
    const { db, path, rows, codec, clock, meta, health } = parts
    this.#parts = parts
    this.id = meta.id
    this.#recent = new RecentChanges(meta.revision)
    const onCommit = (written: readonly Written[]) => this.#committed(written)
    this.#writer = new Writer({
      db,
      path,
      rows,
      codec,
      values: this.#values,
      clock,
      health,
      revision: meta.revision,
      onCommit,
      ...(parts.observer === undefined ? {} : { observer: parts.observer }),
    })
    this.#watchers = new Watchers({
      revision: () => this.revision(),
      read: (resource, after) => this.#changesAfter(resource, after),
      sleep: (ms) => clock.sleep(ms, this.#ending.signal),
    })
    probeWhileTroubled(health, () => this.#writer.probe(), clock, this.#ending.signal)
    this.#upkeep = new Upkeep(parts, () => this.revision())
    this.#upkeep.start(this.#ending.signal)
  }

  trouble(): StoreError | null {
    return this.#parts.health.trouble
  }

  onTrouble(listener: (trouble: StoreError | null) => void): () => void {
    return this.#parts.health.onChange(listener)
  }

  revision(): Revision {
    return this.#writer.revision
  }

  compacted(): Revision {
    return this.#upkeep.compacted
  }

  async get(key: StoreKey): Promise<Entry | null> {
    this.#mustBeOpen()
    const shared = this.#values.entry(key)
    if (shared !== null) return shared
    const row = this.#reading(() => this.#parts.rows.get(key))
    return row === undefined ? null : this.#entry(key, row.revision, row.value)
  }

  async list(resource: string, options: ListOptions = {}): Promise<ListResult> {
    this.#mustBeOpen()
    if (options.continue !== undefined) return this.#nextPage(resource, options, options.continue)
    const { namespace, limit } = options
    const revision = this.revision()
    return this.#reading(() => {
      const rows = this.#parts.rows.list(resource, namespace, limit ?? -1)
      const entries = rows.map((row) =>
        this.#entry({ resource, namespace: row.namespace, name: row.name }, row.revision, row.value),
      )
      const total =
        limit === undefined || rows.length < limit ? rows.length : this.#parts.rows.count(resource, namespace)
      return this.#page(resource, namespace, revision, entries, total - rows.length)
    })
  }

  async transact(ops: readonly Op[]): Promise<readonly (Entry | null)[]> {
    this.#mustBeOpen()
    if (ops.length > MAX_OPS)
      throw new StoreError('too-many', `a transaction has at most ${MAX_OPS} operations, not ${ops.length}`)
    if (new Set(ops.map(({ key }) => JSON.stringify([key.resource, key.namespace, key.name]))).size < ops.length) {
      throw new TypeError('a transaction names each object at most once')
    }
    return ops.length === 0 ? [] : this.#writer.write(ops)
  }

  async create(key: StoreKey, value: KubeObject): Promise<Entry> {
    return written(await this.transact([{ op: 'create', key, value }]))
  }

  async update(key: StoreKey, value: KubeObject, expect: Expect = {}, telling: Telling = {}): Promise<Entry> {
    return written(await this.transact([{ op: 'update', key, value, expect, ...telling }]))
  }

  async delete(key: StoreKey, expect: Expect = {}): Promise<void> {
    await this.transact([{ op: 'delete', key, expect }])
  }

  watch(scope: WatchScope, signal: AbortSignal): AsyncIterable<Change> {
    return this.#watchers.watch(scope, signal)
  }

  subscribe(listener: (changes: readonly Change[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Commits what is pending, ends every watch with `unavailable`, gives the lock back. */
  async close(): Promise<void> {
    if (this.#ending.signal.aborted) return
    this.#ending.abort()
    await this.#upkeep.ended
    const reason = unavailable('closed', 'the store is closed')
    this.#writer.close(reason)
    this.#watchers.close(reason)
    this.#parts.db.close()
    await this.#upkeep.note()
    this.#parts.unlock()
  }

  #mustBeOpen(): void {
    if (this.#ending.signal.aborted) throw unavailable('closed', 'the store is closed')
  }

  #reading<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      const failure = toStoreError(error, this.#parts.path)
      // Whoever writes over damage may make it worse.
      if (isFatal(error)) this.#parts.health.failed(failure, true)
      throw failure
    }
  }

  /** An entry of the current state; its value is shared with everyone who has it. */
  #entry(key: StoreKey, revision: Revision, text: string): Entry {
    const known = this.#values.value(key, revision)
    if (known !== null) return { key, value: known, revision }
    const entry = { key, value: this.#parts.codec.decode(key, text), revision }
    this.#values.put(entry)
    return entry
  }

  #page(
    resource: string,
    namespace: string | undefined,
    revision: Revision,
    entries: readonly Entry[],
    remaining: number,
  ): ListResult {
    const last = entries.at(-1)
    if (remaining <= 0 || last === undefined) return { entries, revision }
    const token = writeToken({ storeId: this.id, resource, namespace }, { revision, after: last.key, remaining })
    return { entries, revision, continue: token, remaining }
  }

  #nextPage(resource: string, { namespace, limit }: ListOptions, text: string): ListResult {
    const { revision, after, remaining } = readToken({ storeId: this.id, resource, namespace }, text)
    if (revision < this.#upkeep.compacted || revision > this.revision()) {
      throw new StoreError(
        'expired',
        `the list at revision ${revision} is too old to continue; list again from the start`,
      )
    }
    return this.#reading(() => {
      const rows = this.#parts.rows.listAsOf(resource, namespace, revision, after, limit ?? -1)
      const entries = rows.map((row) => this.#entryAsOf(resource, row))
      return this.#page(resource, namespace, revision, entries, limit === undefined ? 0 : remaining - rows.length)
    })
  }

  #entryAsOf(resource: string, row: PageRow): Entry {
    const key = { resource, namespace: row.namespace, name: row.name }
    // It is as it was: most of a list.
    if (row.revision !== null) return this.#entry(key, row.revision, row.value)
    const value = this.#parts.codec.decode(key, row.value)
    return { key, value, revision: BigInt(value.metadata.resourceVersion) }
  }

  #committed(written: readonly Written[]): void {
    for (const { change, bytes } of written) this.#recent.push(change, bytes)
    const changes = written.map(({ change }) => change)
    for (const listener of this.#listeners) {
      try {
        listener(changes)
      } catch (error) {
        this.#parts.log.error({ err: error }, 'a subscriber of the store failed')
      }
    }
    // What may wait goes along with what may not.
    this.#watchers.committed(changes, Math.min(...written.map(({ watchWithinMs }) => watchWithinMs)))
  }

  #changesAfter(resource: string, after: Revision): readonly Change[] {
    if (after < this.#upkeep.compacted) {
      throw new StoreError(
        'expired',
        `changes after revision ${after} are no longer kept; list again and watch from the list's revision`,
      )
    }
    const recent = this.#recent.since(after)
    if (recent !== null) return recent.filter((change) => keyOf(change).resource === resource)
    return this.#reading(() =>
      this.#parts.rows.changesAfter(resource, after, READ_AHEAD).map((row) => this.#change(row)),
    )
  }

  #change(row: ChangeRow): Change {
    const key = { resource: row.resource, namespace: row.namespace, name: row.name }
    const { codec } = this.#parts
    const previous = row.previous === null ? null : codec.decode(key, row.previous)
    if (row.value !== null) {
      const value = this.#values.value(key, row.revision) ?? codec.decode(key, row.value)
      return { type: 'put', entry: { key, value, revision: row.revision }, previous }
    }
    if (previous === null) throw unavailable('damaged', `change ${row.revision} is damaged in the database`)
    return { type: 'delete', key, revision: row.revision, previous }
  }
}

function written(result: readonly (Entry | null)[]): Entry {
  const [entry] = result
  if (entry === undefined || entry === null) throw new TypeError('a write without an entry')
  return entry
}
