// The mark of a shared folder: a file with an id in it, made once by the host that came first and read by all. Hosts that read the same id have
// the same folder; one on which it is not mounted reads, or makes, another.
import { randomUUID } from 'node:crypto'
import { link, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { nullIfMissing } from './files.ts'

/** In the folder of the class. */
export const MARK_FILE = '.berth-folder'

const ID = /^[0-9a-f-]{36}$/

/** @throws Error, in words, when the file says something else; or of the file system */
export async function markOf(folder: string): Promise<string> {
  return (await read(folder)) ?? (await make(folder))
}

async function read(folder: string): Promise<string | null> {
  const path = join(folder, MARK_FILE)
  const text = (await readFile(path, 'utf8').catch(nullIfMissing))?.trim()
  if (text === undefined) return null
  if (!ID.test(text)) throw new Error(`${path} is damaged; remove it on one host when no disk is being made there`)
  return text
}

/** Whole or not at all; of several hosts that make it at the same moment one has made it, and the others read that. */
async function make(folder: string): Promise<string> {
  const id = randomUUID()
  const own = join(folder, `${MARK_FILE}.${id}`)
  try {
    const file = await open(own, 'wx', 0o644)
    try {
      await file.writeFile(`${id}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(own, join(folder, MARK_FILE)).catch(alreadyThere)
  } finally {
    await rm(own, { force: true })
  }
  const made = await read(folder)
  if (made === null) throw new Error(`${join(folder, MARK_FILE)} was made and is not there`)
  return made
}

function alreadyThere(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
}
