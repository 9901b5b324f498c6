// Files that are either as they were or as they should be, whenever the power goes.
import { randomBytes } from 'node:crypto'
import { open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** Puts `content` in the place of `path` in one step, on disk when the promise resolves. */
export async function writeAtomically(path: string, content: string, mode: number): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      // A mask of the process must not take away what `mode` says, nor give more.
      await file.chmod(mode)
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncPath(dirname(path))
}

/** What was written to the file, or renamed in the folder, is on disk when the promise resolves. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** The text of a file, null when there is none. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

const TEMPORARY = /\.[0-9a-f]{12}\.tmp$/

/** Takes away what {@link writeAtomically} left in a folder when the process was killed in its midst. Nobody may write there now. */
export async function removeTemporaries(folder: string): Promise<void> {
  for (const name of await readdir(folder)) if (TEMPORARY.test(name)) await rm(join(folder, name), { force: true })
}

/** The same for one file, in a folder where others may be at work. */
export async function removeTemporariesOf(path: string): Promise<void> {
  const [folder, own] = [dirname(path), basename(path)]
  for (const name of await readdir(folder))
    if (TEMPORARY.test(name) && name.replace(TEMPORARY, '') === own) await rm(join(folder, name), { force: true })
}
