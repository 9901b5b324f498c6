// Parts of a bundle that every server has: its API while it answers, its database, files and log.
import { readdir, readFile, stat, statfs } from 'node:fs/promises'
import { release } from 'node:os'
import { basename, join, relative } from 'node:path'
import Database from 'better-sqlite3'
import type { Client } from '../../client/client.ts'
import { run } from '../../exec.ts'
import type { ServerConfig } from '../config.ts'
import { databasePath } from '../database.ts'
import type { ServerProgram } from '../program.ts'
import type { Part } from './bundle.ts'
import { redactObject, type Secrets } from './redact.ts'

export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
/** Milliseconds of one question. */
export const ASK_MS = 5_000

/** Every object of every kind, events among them, one file per kind. */
export const objectsPart = (client: Client, secrets: Secrets): Part => ({
  name: 'objects',
  read: async (signal) => {
    const files: Record<string, string> = {}
    const catalog = await client.catalog(signal)
    for (const resource of catalog.preferred().filter(({ verbs }) => verbs.includes('list'))) {
      const { items } = await client.objects.list(resource, {}, { signal, timeoutMs: ASK_MS })
      const name = resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`
      files[`objects/${name}.json`] = json(items.map((item) => redactObject(item, secrets)))
    }
    return files
  },
})

/** What the server answers to one path. */
export const answerPart = (client: Client, name: string, path: string): Part => ({
  name,
  read: async (signal) => ({
    [name]: (await client.transport.bytes({ path, signal, timeoutMs: ASK_MS })).toString('utf8'),
  }),
})

export const apiParts = (client: Client): readonly Part[] => [
  answerPart(client, 'metrics.txt', '/metrics'),
  answerPart(client, 'readyz.txt', '/readyz?verbose'),
  answerPart(client, 'livez.txt', '/livez?verbose'),
]

/** Rows and sizes of the database, read beside a running server; no object is read. */
export const databasePart = ({ stateDir }: Pick<ServerConfig, 'stateDir'>): Part => ({
  name: 'database.json',
  read: async () => {
    const path = databasePath(stateDir)
    const db = new Database(path, { readonly: true, fileMustExist: true })
    try {
      const rows = (sql: string): unknown => db.prepare(sql).all()
      return {
        'database.json': json({
          layout: db.pragma('user_version', { simple: true }),
          pageBytes: db.pragma('page_size', { simple: true }),
          pages: db.pragma('page_count', { simple: true }),
          freePages: db.pragma('freelist_count', { simple: true }),
          walBytes: await sizeOf(`${path}-wal`),
          meta: rows('SELECT id, revision, compacted FROM meta'),
          objects: rows(
            'SELECT resource, count(*) AS count, sum(length(value)) AS characters FROM objects GROUP BY resource',
          ),
          changes: rows('SELECT count(*) AS count, min(at) AS oldest, max(at) AS newest FROM changes'),
        }),
      }
    } finally {
      db.close()
    }
  },
})

/** The log of the program's unit in the journal, newest 20,000 lines. */
export const journalPart = ({ name }: ServerProgram): Part => ({
  name: 'journal.txt',
  read: async (signal) => {
    const args = ['-u', name, '-n', '20000', '--no-pager', '-o', 'short-iso']
    const options = { timeoutMs: ASK_MS, signal, maxOutputBytes: 64 * 1_048_576 }
    return { 'journal.txt': (await run('journalctl', args, options)).stdout }
  },
})

const MAX_ENTRIES = 10_000

/** Names, sizes, owners and modes of the files below the state folder, and the room that is left. */
export const filesPart = ({ stateDir }: Pick<ServerConfig, 'stateDir'>): Part => ({
  name: 'files.txt',
  read: async (signal) => {
    const { bsize, blocks, bavail } = await statfs(stateDir)
    const lines = [`${stateDir}: ${bavail * bsize} of ${blocks * bsize} bytes free`]
    const names = await readdir(stateDir, { recursive: true, withFileTypes: true })
    for (const entry of names.slice(0, MAX_ENTRIES)) {
      signal.throwIfAborted()
      const path = join(entry.parentPath, entry.name)
      const facts = await stat(path).catch(() => null)
      if (facts === null) continue
      const mode = (facts.mode & 0o7777).toString(8).padStart(4, '0')
      lines.push(
        `${mode} ${facts.uid}:${facts.gid} ${facts.size} ${facts.mtime.toISOString()} ${relative(stateDir, path)}`,
      )
    }
    if (names.length > MAX_ENTRIES) lines.push(`and ${names.length - MAX_ENTRIES} more`)
    return { 'files.txt': `${lines.join('\n')}\n` }
  },
})

/** The configuration with its defaults; the file itself may have comments that are nobody's business. */
export const configurationPart = (config: object): Part => ({
  name: 'configuration.json',
  read: async () => ({ 'configuration.json': json(config) }),
})

export const versionsPart = (version: string): Part => ({
  name: 'versions.json',
  read: async () => {
    const os = await readFile('/etc/os-release', 'utf8').catch(() => '')
    return {
      'versions.json': json({
        berth: version,
        node: process.versions.node,
        sqlite: new Database(':memory:').prepare('SELECT sqlite_version() AS v').pluck().get(),
        kernel: release(),
        os: /^PRETTY_NAME="?([^"\n]*)/m.exec(os)?.[1] ?? '',
        program: basename(process.argv[1] ?? ''),
      }),
    }
  },
})

const sizeOf = async (path: string): Promise<number> =>
  await stat(path).then(
    ({ size }) => size,
    () => 0,
  )
