// A scheduler that was run and has no database any more: an empty one in its place would know no machine of the hosts.
import { access, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { databasePath } from '../lib/server/database.ts'
import { BOOTSTRAPPED } from '../lib/server/first-objects.ts'
import { unavailable } from '../lib/store/store.ts'

/** @throws StoreError, with what to do, when the database is gone and the rest of the state is not */
export async function refuseLostDatabase(stateDir: string): Promise<void> {
  const path = databasePath(stateDir)
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size > 0) return
  const mark = join(stateDir, BOOTSTRAPPED)
  const wasRun = await access(mark).then(
    () => true,
    () => false,
  )
  if (!wasRun) return
  throw unavailable(
    'damaged',
    `the database ${path} is gone, but a scheduler was run here (${mark} is there): an empty one would know nothing of what the hosts have. ` +
      'Restore a backup (berth-scheduler restore FILE), or ask the hosts (berth-scheduler --rebuild). ' +
      `To begin with nothing on purpose, move ${stateDir} away`,
  )
}
