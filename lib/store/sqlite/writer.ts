// Group commit: transactions asked for in one turn of the event loop share one SQLite transaction and one fsync.
import type { Database } from 'better-sqlite3'
import type { Clock } from '../../clock.ts'
import { type Change, type Entry, type Expect, type Op, type Revision, StoreError, type StoreKey } from '../store.ts'
import type { Codec } from './codec.ts'
import { isFatal, isSqliteFailure, toStoreError } from './failure.ts'
import type { Health } from './health.ts'
import type { Head, Rows } from './rows.ts'
import type { SharedValues } from './shared-values.ts'

/** Transactions per commit at most, so that a burst cannot hold the event loop for long. */
const MAX_GROUP = 256

export interface Written {
  readonly change: Change
  /** Length of the stored texts. */
  readonly bytes: number
  /** See {@link import('../store.ts').Telling}. */
  readonly watchWithinMs: number
}

type Result = readonly (Entry | null)[]

interface Request {
  readonly ops: readonly Op[]
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

type Attempt =
  | { readonly request: Request; readonly result: Result; readonly written: readonly Written[] }
  | { readonly request: Request; readonly error: unknown }

export interface WriterOptions {
  readonly db: Database
  readonly path: string
  readonly rows: Rows
  readonly codec: Codec
  readonly values: SharedValues
  readonly clock: Clock
  readonly health: Health
  /** The newest revision on disk. */
  readonly revision: Revision
  /** Called after each commit, before any of its promises resolves. */
  readonly onCommit: (written: readonly Written[]) => void
  readonly observer?: CommitObserver
}

/** Hears of each commit, for metrics. Must not throw. */
export interface CommitObserver {
  /** @param changes that are on the disk now; 0 when it failed. @param ms that it took */
  committed(outcome: 'ok' | 'failed', changes: number, ms: number): void
}

/** The one writer of a database. */
export class Writer {
  readonly #options: WriterOptions
  readonly #marks
  #pending: Request[] = []
  #revision: Revision
  #closed: StoreError | null = null

  constructor(options: WriterOptions) {
    this.#options = options
    const { db } = options
    this.#marks = {
      begin: db.prepare('BEGIN IMMEDIATE'),
      commit: db.prepare('COMMIT'),
      savepoint: db.prepare('SAVEPOINT one'),
      release: db.prepare('RELEASE one'),
    }
    this.#revision = options.revision
  }

  /** The newest committed revision. */
  get revision(): Revision {
    return this.#revision
  }

  /** Resolves when the transaction is on disk. The operations must not be changed before that. */
  write(ops: readonly Op[]): Promise<Result> {
    const refusal = this.#refusal()
    if (refusal !== null) return Promise.reject(refusal)
    return new Promise((resolve, reject) => {
      this.#pending.push({ ops, resolve, reject })
      if (this.#pending.length === 1) setImmediate(() => this.#commit())
    })
  }

  /** Commits what is pending and refuses everything after. */
  close(reason: StoreError): void {
    while (this.#pending.length > 0) this.#commit()
    this.#closed ??= reason
  }

  /** A write of nothing, to learn whether writes work again. */
  probe(): void {
    if (this.#refusal() !== null) return
    this.#judged(() => {
      this.#transaction(() => this.#options.rows.advance(this.#revision))
      this.#options.health.worked()
    })
  }

  #refusal(): StoreError | null {
    const { health } = this.#options
    return this.#closed ?? (health.final ? health.trouble : null)
  }

  /** Runs a write and tells the health when it fails. Null when nothing is stored; then `failed` hears why. */
  #judged<T>(write: () => T, failed: (failure: StoreError) => void = () => undefined): T | null {
    const { health, path } = this.#options
    try {
      return write()
    } catch (error) {
      const failure = toStoreError(error, path)
      if (isSqliteFailure(error)) health.failed(failure, isFatal(error))
      failed(failure)
      return null
    }
  }

  #commit(): void {
    const group = this.#pending.splice(0, MAX_GROUP)
    if (this.#pending.length > 0) setImmediate(() => this.#commit())
    if (group.length === 0) return
    const before = this.#revision
    const { clock, observer, health } = this.#options
    const began = clock.monotonic()
    const refusal = this.#refusal()
    const refuse = (failure: StoreError) => {
      this.#revision = before
      observer?.committed('failed', 0, clock.monotonic() - began)
      for (const request of group) request.reject(failure)
    }
    const write = () => {
      if (refusal !== null) throw refusal
      return this.#onDisk(group)
    }
    const attempts = this.#judged(write, refuse)
    if (attempts === null) return
    observer?.committed('ok', Number(this.#revision - before), clock.monotonic() - began)
    // A transaction that only looked tells nothing of the disk.
    if (this.#revision !== before) health.worked()
    this.#publish(attempts)
  }

  #publish(attempts: readonly Attempt[]): void {
    const written = attempts.flatMap((attempt) => ('written' in attempt ? attempt.written : []))
    for (const { change } of written) {
      if (change.type === 'put') this.#options.values.put(change.entry)
      else this.#options.values.remove(change.key)
    }
    if (written.length > 0) this.#options.onCommit(written)
    for (const attempt of attempts) {
      if ('error' in attempt) attempt.request.reject(attempt.error)
      else attempt.request.resolve(attempt.result)
    }
  }

  /** Runs the group in one transaction. Throws when none of it is stored. */
  #onDisk(group: readonly Request[]): readonly Attempt[] {
    return this.#transaction(() => {
      const before = this.#revision
      const attempts = group.map((request) => this.#attempt(request))
      if (this.#revision !== before) this.#options.rows.advance(this.#revision)
      return attempts
    })
  }

  #transaction<T>(work: () => T): T {
    const { db } = this.#options
    this.#marks.begin.run()
    try {
      const result = work()
      this.#marks.commit.run()
      return result
    } catch (error) {
      if (db.inTransaction) db.exec('ROLLBACK')
      throw error
    }
  }

  /** One transaction of the group in its own savepoint, so that its refusal leaves the others alone. */
  #attempt(request: Request): Attempt {
    const { db } = this.#options
    const before = this.#revision
    this.#marks.savepoint.run()
    try {
      const done = request.ops.map((op) => this.#apply(op))
      this.#marks.release.run()
      const written = done.flatMap(({ written }) => (written === null ? [] : [written]))
      return { request, result: done.map(({ entry }) => entry), written }
    } catch (error) {
      const ownFault = !isSqliteFailure(error) || error.code.startsWith('SQLITE_CONSTRAINT')
      if (!ownFault || !db.inTransaction) throw error
      this.#revision = before
      db.exec('ROLLBACK TO one')
      this.#marks.release.run()
      return { request, error }
    }
  }

  #apply(op: Op): { readonly entry: Entry | null; readonly written: Written | null } {
    const row = this.#options.rows.head(op.key)
    if (op.op === 'create') {
      if (row !== undefined) throw new StoreError('exists', `${say(op.key)} exists already`, op.key)
      return this.#put(op.key, op.value, undefined, 0)
    }
    if (row === undefined) throw new StoreError('not-found', `${say(op.key)} does not exist`, op.key)
    check(op.key, row, op.expect)
    if (op.op === 'check') return { entry: null, written: null }
    return op.op === 'update' ? this.#put(op.key, op.value, row, op.watchWithinMs ?? 0) : this.#delete(op.key, row)
  }

  #put(key: StoreKey, object: Entry['value'], row: Head | undefined, watchWithinMs: number) {
    const { rows, codec, clock } = this.#options
    const revision = this.#revision + 1n
    const { value, text } = codec.encode(key, object, revision)
    const previous = row === undefined ? null : this.#current(key, row)
    rows.log(key, revision, clock.now(), text)
    rows.put(key, value.metadata.uid, revision, text)
    this.#revision = revision
    const entry: Entry = { key, value, revision }
    return { entry, written: { change: { type: 'put', entry, previous }, bytes: text.length, watchWithinMs } as const }
  }

  #delete(key: StoreKey, row: Head) {
    const { rows, clock } = this.#options
    const revision = this.#revision + 1n
    const previous = this.#current(key, row)
    rows.log(key, revision, clock.now(), null)
    rows.remove(key)
    this.#revision = revision
    const bytes = JSON.stringify(previous).length
    const change = { type: 'delete', key, revision, previous } as const
    return { entry: null, written: { change, bytes, watchWithinMs: 0 } }
  }

  #current(key: StoreKey, row: Head): Entry['value'] {
    const { values, codec, rows } = this.#options
    return values.value(key, row.revision) ?? codec.decode(key, rows.get(key)?.value ?? '')
  }
}

const say = (key: StoreKey): string => `${key.resource} ${key.namespace === '' ? '' : `${key.namespace}/`}${key.name}`

function check(key: StoreKey, row: Head, expect: Expect | undefined): void {
  if (expect?.uid !== undefined && expect.uid !== row.uid) {
    throw new StoreError(
      'conflict',
      `${say(key)} is another object by now (uid ${row.uid}, expected ${expect.uid})`,
      key,
    )
  }
  if (expect?.revision !== undefined && expect.revision !== row.revision) {
    throw new StoreError(
      'conflict',
      `${say(key)} was changed meanwhile (revision ${row.revision}, expected ${expect.revision})`,
      key,
    )
  }
}
