// Opens a database as a store: lock, layout, keys, and a look at every object before anything relies on it.
import { randomUUID } from 'node:crypto'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { type Clock, systemClock } from '../../clock.ts'
import { type StoreLog, silentLog } from '../log.ts'
import { openSealer, type Sealer } from '../sealer.ts'
import { type Revision, type Store, StoreError } from '../store.ts'
import { Codec } from './codec.ts'
import { toStoreError } from './failure.ts'
import { takeLock } from './lock.ts'
import { migrate } from './migrations.ts'
import { type MetaRow, Rows } from './rows.ts'
import { SqliteStore } from './sqlite-store.ts'
import { LOG_LIMITS, type LogLimits } from './trim.ts'
import type { CommitObserver } from './writer.ts'

export interface SqliteStoreOptions {
  /** The database file; made with mode 0600 when absent. `-wal`, `-shm` and `.lock` files are beside it. */
  readonly path: string
  /** Encrypts secret fields at rest. The key file is made at the first start. Without it nothing is encrypted. */
  readonly seal?: {
    readonly keyFile: string
    /** Top-level fields by resource: `{ secrets: ['data'] }`. The annotations of these resources are encrypted too. */
    readonly fields: Readonly<Record<string, readonly string[]>>
  }
  /** The file is a copy of an older state: takes a new id and a higher revision, so that no client goes on as if nothing had happened. */
  readonly restored?: boolean
  readonly clock?: Clock
  readonly log?: StoreLog
  readonly limits?: LogLimits
  readonly observer?: CommitObserver
  /** Size of the database file at most; writes beyond are refused with `unavailable`. Default: the disk's. */
  readonly maxBytes?: number
}

/** More writes than a store makes in a decade at 3,000 per second are skipped at a restore. */
const RESTORE_LEAP = 1_000_000_000_000n
const PAGE_BYTES = 4_096
const BUSY_TIMEOUT_MS = 5_000
const KEY_CHECK = { resource: 'meta', namespace: '', name: 'key' }

/** @throws StoreError `unavailable`, with words for the operator */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { path } = options
  let unlock: (() => void) | undefined
  let db: Database.Database | undefined
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    unlock = takeLock(path)
    closeSync(openSync(path, 'a', 0o600))
    db = new Database(path, { timeout: BUSY_TIMEOUT_MS })
    return assemble(db, options, unlock)
  } catch (error) {
    db?.close()
    unlock?.()
    throw toStoreError(error, path)
  }
}

function assemble(db: Database.Database, options: SqliteStoreOptions, unlock: () => void): Store {
  const { path, seal, clock = systemClock, log = silentLog, limits = LOG_LIMITS } = options
  configure(db, options)
  migrate(db, path)
  db.defaultSafeIntegers()
  db.exec(
    `INSERT INTO meta (one, id, revision, compacted) SELECT 1, '${randomUUID()}', 0, 0 WHERE NOT EXISTS (SELECT 1 FROM meta)`,
  )
  if (options.restored === true) restamp(db)
  const rows = new Rows(db)
  const meta = rows.meta()
  if (meta === undefined)
    throw new StoreError('unavailable', `the database ${path} has lost its identity; restore a backup of it`)
  const sealer = seal === undefined ? undefined : openKey(db, seal.keyFile, meta)
  if (sealer === undefined && meta.key_check !== null) {
    throw new StoreError('unavailable', `the database ${path} holds encrypted secrets; give its key file`)
  }
  const codec = new Codec(sealer === undefined ? undefined : { sealer, fields: seal?.fields ?? {} })
  inspect(db, path)
  const observer = options.observer === undefined ? {} : { observer: options.observer }
  return new SqliteStore({ db, path, rows, codec, meta, clock, log, limits, unlock, ...observer })
}

function configure(db: Database.Database, { path, maxBytes }: SqliteStoreOptions): void {
  const mode = db.pragma('journal_mode = wal', { simple: true })
  if (mode !== 'wal')
    throw new StoreError(
      'unavailable',
      `the file system of ${path} does not allow write-ahead logging; use a local disk`,
    )
  db.pragma('synchronous = full')
  db.pragma('journal_size_limit = 67108864')
  db.pragma('trusted_schema = off')
  if (maxBytes !== undefined) db.pragma(`max_page_count = ${Math.ceil(maxBytes / PAGE_BYTES)}`)
}

/** New id, higher revision, empty log: watches and continue tokens of the earlier life get `expired`. */
function restamp(db: Database.Database): void {
  db.transaction(() => {
    db.exec('DELETE FROM changes')
    db.prepare<[string, Revision]>('UPDATE meta SET id = ?, revision = revision + ?').run(randomUUID(), RESTORE_LEAP)
    db.exec('UPDATE meta SET compacted = revision')
  }).immediate()
}

/** A text sealed at the first start tells whether this is still the same key. */
function openKey(db: Database.Database, keyFile: string, meta: MetaRow): Sealer {
  const sealer = openSealer(keyFile, meta.key_check === null)
  if (meta.key_check === null) {
    db.prepare<[string]>('UPDATE meta SET key_check = ?').run(sealer.seal(KEY_CHECK, 'check', 'key'))
    return sealer
  }
  try {
    sealer.open(KEY_CHECK, 'check', meta.key_check)
  } catch (cause) {
    throw new StoreError(
      'unavailable',
      `the key file ${keyFile} is not the one that this database's secrets were sealed with; restore the right one from a backup`,
      undefined,
      { cause },
    )
  }
  return sealer
}

/** Reads every object once, so that damage shows before the server acts on half of them. */
function inspect(db: Database.Database, path: string): void {
  const damaged = db
    .prepare<[], { resource: string; namespace: string; name: string }>(
      'SELECT resource, namespace, name FROM objects WHERE NOT json_valid(value) LIMIT 1',
    )
    .get()
  if (damaged === undefined) return
  const { resource, namespace, name } = damaged
  throw new StoreError(
    'unavailable',
    `${resource} ${namespace}/${name} is damaged in the database ${path}; keep a copy of the file and restore a backup of it`,
  )
}
