// A host that was run by Berth and has no database any more: an empty one in its place would make everything on the host a stranger.
import { access, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { databasePath } from '../../lib/server/database.ts'
import { BOOTSTRAPPED } from '../../lib/server/first-objects.ts'
import { unavailable } from '../../lib/store/store.ts'

/** What is below the state folder of a host with history, and what it is. */
const TRACES = [
  ['disks', 'a disk'],
  ['images/objects', 'an image'],
] as const

/** @throws StoreError, with what to do, when the database is gone and the rest of the state is not */
export async function refuseLostDatabase(stateDir: string): Promise<void> {
  const path = databasePath(stateDir)
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size > 0) return
  const trace = await traceIn(stateDir)
  if (trace === null) return
  throw unavailable(
    'damaged',
    `the database ${path} is gone, but this host has a history (${trace}): an empty one would know nothing of what is here. ` +
      'Restore a backup (berth-agent restore FILE), or make the objects anew from what is on the host (berth-agent --rebuild). ' +
      `To begin with nothing on purpose, move ${stateDir} away`,
  )
}

async function traceIn(stateDir: string): Promise<string | null> {
  for (const [folder, what] of TRACES) {
    const names = await readdir(join(stateDir, folder)).catch(() => [])
    const sidecar = names.find((name) => name.endsWith('.json'))
    if (sidecar !== undefined) return `${join(stateDir, folder, sidecar)} is the record of ${what}`
  }
  const mark = join(stateDir, BOOTSTRAPPED)
  return access(mark).then(
    () => `${mark} is there`,
    () => null,
  )
}
