// Every SQL statement of the store, prepared once, as functions over rows.
import type { Database } from 'better-sqlite3'
import type { Revision, StoreKey } from '../store.ts'

/** Which object has a name, and its revision. */
export type Head = Pick<ObjectRow, 'uid' | 'revision'>

export interface ObjectRow {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly revision: Revision
  readonly value: string
}

export interface ChangeRow {
  readonly revision: Revision
  readonly resource: string
  readonly namespace: string
  readonly name: string
  readonly type: 'put' | 'delete'
  readonly value: string | null
  readonly previous: string | null
}

export interface MetaRow {
  readonly id: string
  readonly revision: Revision
  /** Changes up to this revision are no longer in the log. */
  readonly compacted: Revision
  readonly key_check: string | null
}

/** A page's row. `previous` values of later changes have no revision column: it is null, and inside their text. */
export type PageRow = Pick<ObjectRow, 'namespace' | 'name' | 'value'> & { readonly revision: Revision | null }

interface Position {
  readonly namespace: string
  readonly name: string
}

/** The objects of a resource as of an older revision: those unchanged since, and the first later change's previous value of the others. */
const asOf = (namespaceFilter: string): string => `
  WITH first AS (
    SELECT min(revision) AS revision FROM changes WHERE resource = @resource AND revision > @revision ${namespaceFilter}
    GROUP BY namespace, name
  )
  SELECT namespace, name, revision, value FROM objects
   WHERE resource = @resource AND revision <= @revision ${namespaceFilter} AND (namespace, name) > (@afterNamespace, @afterName)
  UNION ALL
  SELECT namespace, name, NULL AS revision, previous AS value FROM changes
   WHERE revision IN (SELECT revision FROM first) AND previous IS NOT NULL AND (namespace, name) > (@afterNamespace, @afterName)
  ORDER BY namespace, name LIMIT @limit`

export class Rows {
  readonly #get
  readonly #head
  readonly #listAll
  readonly #listIn
  readonly #countAll
  readonly #countIn
  readonly #pageAll
  readonly #pageIn
  readonly #put
  readonly #remove
  readonly #log
  readonly #advance
  readonly #changesAfter
  readonly #meta
  readonly #oldest
  readonly #forget
  readonly #compact

  /** @param db with `defaultSafeIntegers` on: every integer column is a bigint */
  constructor(db: Database) {
    const columns = 'namespace, name, uid, revision, value'
    this.#get = db.prepare<[string, string, string], ObjectRow>(
      `SELECT ${columns} FROM objects WHERE resource = ? AND namespace = ? AND name = ?`,
    )
    this.#head = db.prepare<[string, string, string], Head>(
      'SELECT uid, revision FROM objects WHERE resource = ? AND namespace = ? AND name = ?',
    )
    const page = `WHERE resource = ? ORDER BY namespace, name LIMIT ?`
    const pageIn = `WHERE resource = ? AND namespace = ? ORDER BY name LIMIT ?`
    this.#listAll = db.prepare<[string, number], ObjectRow>(`SELECT ${columns} FROM objects ${page}`)
    this.#listIn = db.prepare<[string, string, number], ObjectRow>(`SELECT ${columns} FROM objects ${pageIn}`)
    this.#countAll = db.prepare<[string], bigint>('SELECT count(*) FROM objects WHERE resource = ?').pluck()
    this.#countIn = db
      .prepare<[string, string], bigint>('SELECT count(*) FROM objects WHERE resource = ? AND namespace = ?')
      .pluck()
    this.#pageAll = db.prepare<[object], PageRow>(asOf(''))
    this.#pageIn = db.prepare<[object], PageRow>(asOf('AND namespace = @namespace'))
    this.#put = db.prepare<[string, string, string, string, Revision, string]>(
      `INSERT INTO objects (resource, namespace, name, uid, revision, value) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (resource, namespace, name) DO UPDATE SET uid = excluded.uid, revision = excluded.revision, value = excluded.value`,
    )
    this.#remove = db.prepare<[string, string, string]>(
      'DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?',
    )
    // What it was stays in the database on its way into the log.
    this.#log = db.prepare<[Revision, number, string, string, string, string, string | null, string, string, string]>(
      `INSERT INTO changes (revision, at, resource, namespace, name, type, value, previous) VALUES (?, ?, ?, ?, ?, ?, ?,
       (SELECT value FROM objects WHERE resource = ? AND namespace = ? AND name = ?))`,
    )
    this.#advance = db.prepare<[Revision]>('UPDATE meta SET revision = ?')
    this.#changesAfter = db.prepare<[string, Revision, number], ChangeRow>(
      'SELECT revision, resource, namespace, name, type, value, previous FROM changes WHERE resource = ? AND revision > ? ORDER BY revision LIMIT ?',
    )
    this.#meta = db.prepare<[], MetaRow>('SELECT id, revision, compacted, key_check FROM meta')
    this.#oldest = db.prepare<[number], { revision: Revision; at: bigint }>(
      'SELECT revision, at FROM changes ORDER BY revision LIMIT ?',
    )
    this.#forget = db.prepare<[Revision]>('DELETE FROM changes WHERE revision <= ?')
    this.#compact = db.prepare<[Revision]>('UPDATE meta SET compacted = ?')
  }

  meta = (): MetaRow | undefined => this.#meta.get()

  get = (key: StoreKey): ObjectRow | undefined => this.#get.get(key.resource, key.namespace, key.name)

  head = (key: StoreKey): Head | undefined => this.#head.get(key.resource, key.namespace, key.name)

  /** The first `limit` objects of now; all when it is negative. */
  list(resource: string, namespace: string | undefined, limit: number): readonly ObjectRow[] {
    return namespace === undefined ? this.#listAll.all(resource, limit) : this.#listIn.all(resource, namespace, limit)
  }

  count(resource: string, namespace: string | undefined): number {
    return Number(namespace === undefined ? this.#countAll.get(resource) : this.#countIn.get(resource, namespace))
  }

  /** Objects after a position as they were at `revision`. Right only while the log reaches back to it. */
  listAsOf(
    resource: string,
    namespace: string | undefined,
    revision: Revision,
    after: Position,
    limit: number,
  ): readonly PageRow[] {
    const values = { resource, revision, afterNamespace: after.namespace, afterName: after.name, limit }
    return namespace === undefined ? this.#pageAll.all(values) : this.#pageIn.all({ ...values, namespace })
  }

  put(key: StoreKey, uid: string, revision: Revision, value: string): void {
    this.#put.run(key.resource, key.namespace, key.name, uid, revision, value)
  }

  remove(key: StoreKey): void {
    this.#remove.run(key.resource, key.namespace, key.name)
  }

  /** Before the object itself is written: the log keeps what it was, too. */
  log({ resource, namespace, name }: StoreKey, revision: Revision, at: number, value: string | null): void {
    const type = value === null ? 'delete' : 'put'
    this.#log.run(revision, at, resource, namespace, name, type, value, resource, namespace, name)
  }

  advance(revision: Revision): void {
    this.#advance.run(revision)
  }

  changesAfter(resource: string, revision: Revision, limit: number): readonly ChangeRow[] {
    return this.#changesAfter.all(resource, revision, limit)
  }

  oldestChanges(limit: number): readonly { readonly revision: Revision; readonly at: bigint }[] {
    return this.#oldest.all(limit)
  }

  /** Drops the log up to and including `revision`. */
  forget(revision: Revision): void {
    this.#forget.run(revision)
    this.#compact.run(revision)
  }
}
