// `berth-agent backup` and `berth-agent restore`: the database of this host out to a file, beside a running agent, and back.
import { resolve } from 'node:path'
import { timestamp } from '../../lib/clock.ts'
import { backupDatabase } from '../../lib/store/sqlite/backup.ts'
import { restoreDatabase } from '../../lib/store/sqlite/restore.ts'
import type { AgentConfig } from '../config.ts'
import { ConfigError } from '../config-error.ts'
import { databaseOf } from '../state.ts'

export const BACKUP_USAGE = `berth-agent backup FILE                          a copy of the database, beside a running agent too
berth-agent restore FILE                         puts a backup in place of the database; the agent must be stopped
`

/** @returns what to print @throws ConfigError for a wrong command line, StoreError with words for the operator */
export async function backup({ stateDir }: AgentConfig, words: readonly string[]): Promise<string> {
  const file = fileOf('backup', words)
  const { path, seal } = databaseOf(stateDir)
  const { objects, revision, bytes } = await backupDatabase(path, file)
  return (
    `${file}: ${objects} objects as of revision ${revision}, ${bytes} bytes\n` +
    `Secrets in it are encrypted with ${seal.keyFile}: keep a copy of that, elsewhere than the backups.\n`
  )
}

/** @param now milliseconds since the epoch; names the file under which the earlier database is kept */
export async function restore({ stateDir }: AgentConfig, words: readonly string[], now: number): Promise<string> {
  const from = fileOf('restore', words)
  const label = `before-restore-${timestamp(now).replaceAll(/[-:]/g, '')}`
  const { revision, kept } = await restoreDatabase({ ...databaseOf(stateDir), from, label })
  return (
    `restored from ${from}; revision ${revision}, so that every watch begins anew\n` +
    (kept === null ? '' : `the database that was there is ${kept}\n`) +
    'What was made after the backup is still on the host: berth-agent --rebuild --missing shows and adds it.\n'
  )
}

function fileOf(verb: string, words: readonly string[]): string {
  const [file, ...more] = words
  if (file === undefined) throw new ConfigError('command line', `${verb} needs a FILE\n${BACKUP_USAGE}`)
  if (more.length > 0) throw new ConfigError('command line', `unknown argument ${more[0]}\n${BACKUP_USAGE}`)
  return resolve(file)
}
