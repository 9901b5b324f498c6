// Where a server's database is, and what of it is secret. For the server itself and for the commands that take its place.
import { join } from 'node:path'
import { AGENT_KINDS } from '../../schemas/index.ts'
import type { SqliteStoreOptions } from '../store/sqlite/open.ts'

const SEALED = Object.fromEntries(
  AGENT_KINDS.flatMap((kind) => (kind.secretFields ? [[kind.resource, kind.secretFields]] : [])),
)

/** The database file below the state folder. */
export const databasePath = (stateDir: string): string => join(stateDir, 'berth.db')

/** Database, key and sealed fields, for opening. */
export const databaseOf = (stateDir: string): Required<Pick<SqliteStoreOptions, 'path' | 'seal'>> => ({
  path: databasePath(stateDir),
  seal: { keyFile: join(stateDir, 'secret.key'), fields: SEALED },
})
