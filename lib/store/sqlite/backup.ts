// A consistent copy of a database, beside a server that uses it or without one.
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, rmSync, statSync } from 'node:fs'
import { link, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { syncPath } from '../../files.ts'
import { unavailable } from '../store.ts'
import { toStoreError } from './failure.ts'
import { inspect } from './inspect.ts'
import { APPLICATION_ID } from './migrations.ts'

export interface BackupFacts {
  readonly objects: number
  readonly revision: bigint
  readonly bytes: number
}

const BUSY_TIMEOUT_MS = 10_000

/**
 * Writes the state of one moment to `to`, which must not be there yet: a database of its own, mode 0600, on disk when the promise
 * resolves, there whole or not at all. Secrets stay sealed; the change log, which no restored store may carry on, is left out. Writers go on
 * meanwhile.
 * @throws StoreError with words for the operator
 */
export async function backupDatabase(path: string, to: string): Promise<BackupFacts> {
  if (!existsSync(path)) throw unavailable('unusable', `there is no database ${path}`)
  if (existsSync(to)) throw unavailable('unusable', `${to} is there already; give the backup a name of its own`)
  const draft = `${to}.${randomBytes(6).toString('hex')}.tmp`
  try {
    copy(path, draft)
    const facts = strip(draft)
    await syncPath(draft)
    // Never over a file that came meanwhile.
    await link(draft, to)
    await syncPath(dirname(to))
    return facts
  } catch (error) {
    throw toStoreError(error, to)
  } finally {
    for (const file of [draft, `${draft}-journal`]) await rm(file, { force: true })
  }
}

/** One read transaction; the writer beside it is not held up. */
function copy(path: string, draft: string): void {
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS })
  try {
    if (Number(db.pragma('application_id', { simple: true })) !== APPLICATION_ID)
      throw unavailable('unusable', `${path} is no database of Berth`)
    db.prepare('VACUUM INTO ?').run(draft)
    chmodSync(draft, 0o600)
  } catch (error) {
    rmSync(draft, { force: true })
    throw toStoreError(error, path)
  } finally {
    db.close()
  }
}

function strip(draft: string): BackupFacts {
  const db = new Database(draft)
  try {
    db.defaultSafeIntegers()
    db.exec('DELETE FROM changes; UPDATE meta SET compacted = revision; VACUUM')
    inspect(db, draft)
    const objects = Number(db.prepare('SELECT count(*) FROM objects').pluck().get())
    const revision = db.prepare('SELECT revision FROM meta').pluck().get() as bigint
    return { objects, revision, bytes: statSync(draft).size }
  } finally {
    db.close()
  }
}
