// Opens a database as a store: lock, layout, keys, and a look at every object before anything relies on it.
import { randomUUID } from 'node:crypto'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { type Clock, systemClock } from '../../clock.ts'
import { type StoreLog, silentLog } from '../log.ts'
import { openSealer, type Sealer } from '../sealer.ts'
import { type Revision, type Store, unavailable } from '../store.ts'
import { Codec } from './codec.ts'
import { toStoreError } from './failure.ts'
import { Health } from './health.ts'
import { inspect } from './inspect.ts'
import { takeLock } from './lock.ts'
import { APPLICATION_ID, migrate } from './migrations.ts'
import { type MetaRow, Rows } from './rows.ts'
import { SqliteStore } from './sqlite-store.ts'
import { LOG_LIMITS, type LogLimits } from './trim.ts'
import { isOlderCopy, type Seen, Witness } from './witness.ts'
import type { CommitObserver } from './writer.ts'

export interface SqliteStoreOptions {
  /** The database file; made with mode 0600 when absent. `-wal`, `-shm`, `.lock` and `.seen` files are beside it. */
  readonly path: string
  /** Encrypts secret fields at rest. The key file is made at the first start. Without it nothing is encrypted. */
  readonly seal?: {
    readonly keyFile: string
    /** Top-level fields by resource: `{ secrets: ['data'] }`. The annotations of these resources are encrypted too. */
    readonly fields: Readonly<Record<string, readonly string[]>>
    /** The key must be there: for a copy whose secrets nobody could read otherwise. */
    readonly mustExist?: boolean
  }
  /** The file must be a store already; otherwise an absent or empty one becomes a new store. */
  readonly mustExist?: boolean
  /**
   * The file is a copy of an older state: takes a new id and a higher revision, so that no client goes on as if nothing had happened.
   * A copy that somebody put in the database's place is noticed without this, by the `.seen` file.
   */
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
    const witness = new Witness(path)
    const seen = await witness.read()
    db = new Database(path, { timeout: BUSY_TIMEOUT_MS })
    return assemble(db, options, { witness, seen, unlock })
  } catch (error) {
    db?.close()
    unlock?.()
    throw toStoreError(error, path)
  }
}

interface Surroundings {
  readonly witness: Witness
  readonly seen: Seen | null
  readonly unlock: () => void
}

function assemble(db: Database.Database, options: SqliteStoreOptions, { witness, seen, unlock }: Surroundings): Store {
  const { path, seal, clock = systemClock, log = silentLog, limits = LOG_LIMITS } = options
  if (options.mustExist === true && Number(db.pragma('application_id', { simple: true })) !== APPLICATION_ID)
    throw unavailable('unusable', `${path} is no database of Berth`)
  configure(db, options)
  // Before anything is written: a damaged file must not be made worse.
  inspect(db, path)
  migrate(db, path)
  db.defaultSafeIntegers()
  db.exec(
    `INSERT INTO meta (one, id, revision, compacted) SELECT 1, '${randomUUID()}', 0, 0 WHERE NOT EXISTS (SELECT 1 FROM meta)`,
  )
  const rows = new Rows(db)
  const found = identity(rows, path)
  const older = isOlderCopy(seen, found)
  if (older) {
    log.warn(
      { path, seen: String(seen?.revision), revision: String(found.revision) },
      'the database is an older copy, or another one, than this server last had: watches begin anew',
    )
  }
  if (older || options.restored === true) restamp(db, seen?.revision ?? 0n)
  const meta = identity(rows, path)
  const sealer = seal === undefined ? undefined : openKey(db, seal, meta)
  if (sealer === undefined && meta.key_check !== null) {
    throw unavailable('unusable', `the database ${path} holds encrypted secrets; give its key file`)
  }
  const codec = new Codec(sealer === undefined ? undefined : { sealer, fields: seal?.fields ?? {} })
  const health = new Health(log)
  const observer = options.observer === undefined ? {} : { observer: options.observer }
  return new SqliteStore({ db, path, rows, codec, meta, clock, log, limits, health, witness, unlock, ...observer })
}

function identity(rows: Rows, path: string): MetaRow {
  const meta = rows.meta()
  if (meta === undefined)
    throw unavailable('damaged', `the database ${path} has lost its identity; restore a backup of it`)
  return meta
}

function configure(db: Database.Database, { path, maxBytes }: SqliteStoreOptions): void {
  const mode = db.pragma('journal_mode = wal', { simple: true })
  if (mode !== 'wal')
    throw unavailable('unusable', `the file system of ${path} does not allow write-ahead logging; use a local disk`)
  db.pragma('synchronous = full')
  db.pragma('journal_size_limit = 67108864')
  db.pragma('trusted_schema = off')
  if (maxBytes !== undefined) db.pragma(`max_page_count = ${Math.ceil(maxBytes / PAGE_BYTES)}`)
}

/** New id, a revision above any that clients may have seen, empty log: watches and continue tokens of the earlier life get `expired`. */
function restamp(db: Database.Database, seen: Revision): void {
  db.transaction(() => {
    db.exec('DELETE FROM changes')
    db.prepare<[string, Revision, Revision]>('UPDATE meta SET id = ?, revision = max(revision, ?) + ?').run(
      randomUUID(),
      seen,
      RESTORE_LEAP,
    )
    db.exec('UPDATE meta SET compacted = revision')
  }).immediate()
}

/** A text sealed at the first start tells whether this is still the same key. */
function openKey(
  db: Database.Database,
  { keyFile, mustExist = false }: NonNullable<SqliteStoreOptions['seal']>,
  meta: MetaRow,
): Sealer {
  const sealer = openSealer(keyFile, meta.key_check === null && !mustExist)
  if (meta.key_check === null) {
    db.prepare<[string]>('UPDATE meta SET key_check = ?').run(sealer.seal(KEY_CHECK, 'check', 'key'))
    return sealer
  }
  try {
    sealer.open(KEY_CHECK, 'check', meta.key_check)
  } catch (cause) {
    throw unavailable(
      'unusable',
      `the key file ${keyFile} is not the one that this database's secrets were sealed with; restore the right one from a backup`,
      cause,
    )
  }
  return sealer
}
