// `PROGRAM backup` and `PROGRAM restore`: a server's database out to a file, beside the running server, and back.
import { resolve } from 'node:path'
import { timestamp } from '../clock.ts'
import { backupDatabase } from '../store/sqlite/backup.ts'
import { restoreDatabase } from '../store/sqlite/restore.ts'
import type { ServerConfig } from './config.ts'
import { ConfigError } from './config-error.ts'
import { databaseOf } from './database.ts'
import { type ServerProgram, usageLines } from './program.ts'

export const backupUsage = (program: ServerProgram): string =>
  usageLines(program, [
    ['backup FILE', 'a copy of the database, beside the running server too'],
    ['restore FILE', 'puts a backup in place of the database; the server must be stopped'],
  ])

/** @returns what to print @throws ConfigError for a wrong command line, StoreError with words for the operator */
export async function backup(
  program: ServerProgram,
  { stateDir }: ServerConfig,
  words: readonly string[],
): Promise<string> {
  const file = fileOf(program, 'backup', words)
  const { path, seal } = databaseOf(stateDir)
  const { objects, revision, bytes } = await backupDatabase(path, file)
  return (
    `${file}: ${objects} objects as of revision ${revision}, ${bytes} bytes\n` +
    `Secrets in it are encrypted with ${seal.keyFile}: keep a copy of that, elsewhere than the backups.\n`
  )
}

/** @param now milliseconds since the epoch; names the file under which the earlier database is kept */
export async function restore(
  program: ServerProgram,
  { stateDir }: ServerConfig,
  words: readonly string[],
  now: number,
): Promise<string> {
  const from = fileOf(program, 'restore', words)
  const label = `before-restore-${timestamp(now).replaceAll(/[-:]/g, '')}`
  const { revision, kept } = await restoreDatabase({ ...databaseOf(stateDir), from, label })
  return (
    `restored from ${from}; revision ${revision}, so that every watch begins anew\n` +
    (kept === null ? '' : `the database that was there is ${kept}\n`) +
    program.afterRestore
  )
}

function fileOf(program: ServerProgram, verb: string, words: readonly string[]): string {
  const [file, ...more] = words
  if (file === undefined) throw new ConfigError('command line', `${verb} needs a FILE\n${backupUsage(program)}`)
  if (more.length > 0) throw new ConfigError('command line', `unknown argument ${more[0]}\n${backupUsage(program)}`)
  return resolve(file)
}
