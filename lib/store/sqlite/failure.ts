// SQLite's result codes in words: what a driver error means for the caller and for the operator.
import Database from 'better-sqlite3'
import { messageOf } from '../../errors.ts'
import { StoreError } from '../store.ts'

/** True for anything that SQLite itself reported. */
export const isSqliteFailure = (error: unknown): error is InstanceType<typeof Database.SqliteError> =>
  error instanceof Database.SqliteError

/** After a failed fsync the kernel may drop the dirty pages and report success next time, so nothing may be trusted until a reopen. */
export const isFatal = (error: unknown): boolean =>
  isSqliteFailure(error) && /^SQLITE_(IOERR_(DIR_)?FSYNC|CORRUPT|NOTADB)/.test(error.code)

function explain(code: string, path: string): string {
  if (code === 'SQLITE_FULL') return `no space left for the database ${path}; free some space, then repeat the request`
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return `the database ${path} is damaged; stop the server, keep a copy of the file, and restore a backup of it`
  }
  if (code.startsWith('SQLITE_READONLY'))
    return `the database ${path} cannot be written; check its owner, mode and mount`
  if (code.startsWith('SQLITE_CANTOPEN'))
    return `the database ${path} cannot be opened; check that its folder exists and is writable`
  if (code.startsWith('SQLITE_BUSY'))
    return `the database ${path} is locked by another program; end it, then repeat the request`
  if (code.startsWith('SQLITE_IOERR'))
    return `reading or writing the database ${path} failed; check the disk and the kernel log`
  return `the database ${path} failed`
}

/** Any thrown thing as a {@link StoreError}; our own pass unchanged. */
export function toStoreError(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error
  if (isSqliteFailure(error)) {
    return new StoreError('unavailable', `${explain(error.code, path)} (${error.code})`, undefined, { cause: error })
  }
  return new StoreError('unavailable', `the database ${path} failed: ${messageOf(error)}`, undefined, { cause: error })
}
