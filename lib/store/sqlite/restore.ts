// Puts a backup in the place of a database that no server uses, and keeps what was there.
import { copyFile, link, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { syncPath } from '../../files.ts'
import { unavailable } from '../store.ts'
import { toStoreError } from './failure.ts'
import { takeLock } from './lock.ts'
import { openSqliteStore, type SqliteStoreOptions } from './open.ts'
import { Witness } from './witness.ts'

export interface RestoreOptions extends Pick<SqliteStoreOptions, 'seal'> {
  /** The database's place. */
  readonly path: string
  /** The backup; it is only read. */
  readonly from: string
  /** Part of the name under which the earlier database is kept: `<path>.<label>`. */
  readonly label: string
}

export interface Restored {
  readonly revision: bigint
  /** Where the database that was there is now; null when there was none. */
  readonly kept: string | null
}

/**
 * Checks the backup (pages, objects, layout, the key of its secrets), brings it to this program's layout, and puts it in place in one step: a
 * process that is killed leaves the earlier database or the restored one.
 * @throws StoreError with words for the operator; then nothing has changed
 */
export async function restoreDatabase({ path, from, label, seal }: RestoreOptions): Promise<Restored> {
  const release = takeLock(path)
  try {
    const draft = `${path}.restoring`
    await discard(draft)
    await copyIn(from, draft)
    const revision = await prepare(path, draft, seal).catch(async (error: unknown) => {
      await discard(draft)
      throw error
    })
    return { revision, kept: await putInPlace(path, draft, label) }
  } catch (error) {
    throw toStoreError(error, path)
  } finally {
    release()
  }
}

async function copyIn(from: string, draft: string): Promise<void> {
  const found = await stat(from).catch(() => null)
  if (found === null || !found.isFile() || found.size === 0)
    throw unavailable('unusable', `${from} is no backup: there is no such file, or it is empty`)
  await copyFile(from, draft)
  const file = await open(draft, 'r+')
  try {
    await file.chmod(0o600)
  } finally {
    await file.close()
  }
}

/** The store's own opening is the check. It takes a new id there, and a revision above all that clients of the earlier one may have seen. */
async function prepare(path: string, draft: string, seal: RestoreOptions['seal']): Promise<bigint> {
  await adoptWitness(path, draft)
  const store = await openSqliteStore({
    path: draft,
    restored: true,
    mustExist: true,
    ...(seal === undefined ? {} : { seal: { ...seal, mustExist: true } }),
  })
  const revision = store.revision()
  await store.close()
  await syncPath(draft)
  return revision
}

/** What clients of `path` may have seen is seen for `draft`: its revisions begin above. */
export async function adoptWitness(path: string, draft: string): Promise<void> {
  const seen = await new Witness(path).read()
  if (seen !== null) await new Witness(draft).note(seen)
}

/** Puts the finished database `draft` in the place of `path`, of which the lock is held. @returns where the earlier one is now */
export async function putInPlace(path: string, draft: string, label: string): Promise<string | null> {
  const kept = await keep(path, `${path}.${label}`)
  await rename(`${draft}.seen`, `${path}.seen`)
  await rename(draft, path)
  await syncPath(dirname(path))
  await discard(draft)
  return kept
}

/** A log of the earlier database must never be read into the new one: its last pages go into it first, or aside with it. */
async function keep(path: string, kept: string): Promise<string | null> {
  const there = (await stat(path).catch(() => null)) !== null
  if (there) checkpoint(path)
  await rename(`${path}-wal`, `${kept}-wal`).catch(ifThere)
  await rm(`${path}-shm`, { force: true })
  if (!there) return null
  await link(path, kept)
  return kept
}

function checkpoint(path: string): void {
  try {
    new Database(path, { fileMustExist: true }).close()
  } catch {
    // Damaged: that is why another takes its place.
  }
}

/** Removes a database with all that is beside it. */
export async function discard(draft: string): Promise<void> {
  for (const end of ['', '-wal', '-shm', '-journal', '.lock', '.seen']) await rm(`${draft}${end}`, { force: true })
}

const ifThere = (error: NodeJS.ErrnoException): void => {
  if (error.code !== 'ENOENT') throw error
}
