// Small file operations that survive a crash: a file is there whole or not at all, and what was said to be there stays.
import { randomBytes } from 'node:crypto'
import { open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** Prefix of files that are not finished; whatever bears it is removed at start. */
const TEMP_PREFIX = '.tmp-'

/** A name beside `path` for a file that is going to be renamed to it: it says what it is going to be. */
export const tempBeside = (path: string): string =>
  join(dirname(path), `${TEMP_PREFIX}${basename(path)}-${randomBytes(8).toString('hex')}`)

export const isTemp = (name: string): boolean => name.startsWith(TEMP_PREFIX)

/** Makes renames and removals in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  await syncFile(path)
}

/** Makes a file's content durable. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Puts a finished file to its place; afterwards it is on disk under that name. */
export async function moveDurably(from: string, to: string): Promise<void> {
  await syncFile(from)
  await rename(from, to)
  await syncFolder(dirname(to))
}

/** Writes JSON in one step. `bigint` is not JSON: sizes are decimal text. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  const temp = tempBeside(path)
  try {
    const file = await open(temp, 'wx', 0o600)
    try {
      await file.writeFile(`${JSON.stringify(value, null, 1)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temp, path)
    await syncFolder(dirname(path))
  } catch (error) {
    await rm(temp, { force: true })
    throw error
  }
}

/** A parsed JSON file, null when there is none. @throws when it is damaged, naming the file */
export async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch(nullIfMissing)
  if (text === null) return null
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error(`${path} is not valid JSON`, { cause })
  }
}

/** Removes a file for good; a missing one is fine. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true })
  await syncFolder(dirname(path)).catch(nullIfMissing)
}

/** Names in a folder, sorted; none when it is missing. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  return ((await readdir(folder).catch(nullIfMissing)) ?? []).sort()
}

/** Removes unfinished files of an earlier life. */
export async function removeTemps(folder: string): Promise<void> {
  await removeNamed(folder, isTemp)
}

/** The same of a folder where others work as well: of those disks alone, which are this host's to make. */
export async function removeTempsOf(folder: string, uids: ReadonlySet<string>): Promise<void> {
  await removeNamed(folder, (name) => isTemp(name) && uids.has(name.slice(TEMP_PREFIX.length).split('.')[0] ?? ''))
}

async function removeNamed(folder: string, is: (name: string) => boolean): Promise<void> {
  for (const name of await namesIn(folder)) if (is(name)) await rm(join(folder, name), { recursive: true, force: true })
}

/** For `.catch`: a missing file as null, any other fault as it is. */
export function nullIfMissing(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
  throw error
}
