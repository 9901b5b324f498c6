// SQLite's result codes in words: what a driver error means for the caller and for the operator.
import { statSync, utimesSync } from 'node:fs'
import Database from 'better-sqlite3'
import { messageOf } from '../../errors.ts'
import { StoreError, type Trouble, unavailable } from '../store.ts'

/** True for anything that SQLite itself reported. */
export const isSqliteFailure = (error: unknown): error is InstanceType<typeof Database.SqliteError> =>
  error instanceof Database.SqliteError

/** After a failed fsync the kernel may drop the dirty pages and report success next time, so nothing may be trusted until a reopen. */
export const isFatal = (error: unknown): boolean =>
  isSqliteFailure(error) && /^SQLITE_(IOERR_(DIR_)?FSYNC|CORRUPT|NOTADB)/.test(error.code)

/** By the beginning of SQLite's result code: what it means, and what to do about the database `path`. */
const MEANINGS: readonly (readonly [RegExp, Trouble, (path: string) => string])[] = [
  [
    /^SQLITE_FULL/,
    'full',
    (path) => `no space left for the database ${path}; free some space, then repeat the request`,
  ],
  [
    /^SQLITE_(CORRUPT|NOTADB)/,
    'damaged',
    (path) => `the database ${path} is damaged; stop the server, keep a copy of the file, and restore a backup of it`,
  ],
  [
    /^SQLITE_READONLY/,
    'read-only',
    (path) => `the database ${path} cannot be written; check its owner, mode and mount`,
  ],
  [
    /^SQLITE_CANTOPEN/,
    'io',
    (path) => `the database ${path} cannot be opened; check that its folder exists and is writable`,
  ],
  [
    /^SQLITE_BUSY/,
    'busy',
    (path) => `the database ${path} is locked by another program; end it, then repeat the request`,
  ],
  [
    /^SQLITE_IOERR_(DIR_)?FSYNC/,
    'unsynced',
    (path) =>
      `what was written to the database ${path} may be lost; check the disk and the kernel log, then start the server anew`,
  ],
  [
    /^SQLITE_IOERR/,
    'io',
    (path) => `reading or writing the database ${path} failed; check the disk and the kernel log`,
  ],
]

/** Errors of the file system around the database, by their `code`. */
const FILE_ERRORS: Readonly<Record<string, Trouble>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EROFS: 'read-only',
  EACCES: 'read-only',
}

/** By a write of nothing: a file system in an emergency still says that it may be written (access(2) asks its mount alone). */
function isReadOnly(path: string): boolean {
  try {
    const { atime, mtime } = statSync(path)
    utimesSync(path, atime, mtime)
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EROFS'
  }
}

/** Any thrown thing as a {@link StoreError}; our own pass unchanged. */
export function toStoreError(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error
  if (isSqliteFailure(error)) {
    const meaning = MEANINGS.find(([code]) => code.test(error.code))
    const [, trouble, words] = meaning ?? [null, 'io' as const, () => `the database ${path} failed`]
    // A file system that the kernel made read-only after an error of its own shows as a failed write.
    if (trouble === 'io' && isReadOnly(path))
      return unavailable('read-only', `the file system of the database ${path} is read-only (${error.code})`, error)
    return unavailable(trouble, `${words(path)} (${error.code})`, error)
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return unavailable(FILE_ERRORS[code] ?? 'io', `the database ${path} failed: ${messageOf(error)}`, error)
}
