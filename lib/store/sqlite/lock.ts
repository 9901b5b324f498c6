// One process per database: a lock that the kernel gives back however the process ends.
import Database from 'better-sqlite3'
import { unavailable } from '../store.ts'
import { isSqliteFailure, toStoreError } from './failure.ts'

/** How long a predecessor may take to exit before the newcomer is refused. */
const WAIT_MS = 1_000

/**
 * Takes the lock of the database at `path` and returns its release. The lock is an open exclusive transaction on the empty
 * SQLite file `<path>.lock`: a POSIX record lock, gone with the process (SIGKILL too), never inherited by children, and
 * it leaves the database itself readable for an operator's backup.
 * @throws StoreError when another process holds it
 */
export function takeLock(path: string): () => void {
  let db: Database.Database | undefined
  try {
    db = new Database(`${path}.lock`, { timeout: WAIT_MS })
    db.pragma('journal_mode = off')
    db.exec('BEGIN EXCLUSIVE')
    const held = db
    return () => held.close()
  } catch (error) {
    db?.close()
    if (isSqliteFailure(error) && error.code.startsWith('SQLITE_BUSY')) {
      throw unavailable(
        'busy',
        `the database ${path} is in use by another process; stop that one first, or give this one a state folder of its own`,
      )
    }
    throw toStoreError(error, `${path}.lock`)
  }
}
