// Where the parts of a bundle come from: the agent's API while it answers, libvirt, files and programs of the host.
import { readdir, readFile, stat, statfs } from 'node:fs/promises'
import { release } from 'node:os'
import { basename, join, relative } from 'node:path'
import Database from 'better-sqlite3'
import type { Client } from '../../lib/client/client.ts'
import { METADATA_URI } from '../../lib/domain/index.ts'
import { messageOf } from '../../lib/errors.ts'
import { run } from '../../lib/exec.ts'
import { ConnectListAllDomainsFlags, LibvirtPool } from '../../lib/libvirt/index.ts'
import type { AgentConfig } from '../config.ts'
import { chooseSockets } from '../libvirt-sockets.ts'
import type { Part } from './bundle.ts'
import { redactDomain, redactObject, type Secrets } from './redact.ts'

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
const GROUP = '/apis/subresources.virtualization.deckhouse.io/v1alpha2'
/** Milliseconds of one question. */
const ASK_MS = 5_000

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

/** What the agent answers to one path. */
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
  answerPart(client, 'host-check.json', `${GROUP}/hostcheck`),
]

/** Definitions of the domains that carry our metadata, and the states of all of them by number. */
export const domainsPart = (config: AgentConfig): Part => ({
  name: 'domains',
  read: async (signal) => {
    const { qemu } = await chooseSockets(config.libvirt)
    const libvirt = new LibvirtPool({ socketPath: qemu, uri: config.libvirt.uri, callTimeoutMs: ASK_MS })
    try {
      await libvirt.connect({ signal, timeoutMs: ASK_MS })
      const { ACTIVE, INACTIVE } = ConnectListAllDomainsFlags
      const all = { needResults: 1, flags: ACTIVE | INACTIVE }
      const { domains } = await libvirt.call('ConnectListAllDomains', all, { signal })
      const files: Record<string, string> = {
        'domains/versions.json': json({
          libvirt: libvirt.libVersion,
          hypervisor: libvirt.hypervisorVersion,
          domains: domains.length,
        }),
      }
      for (const dom of domains) {
        const { xml } = await libvirt.call('DomainGetXMLDesc', { dom, flags: 0 }, { signal })
        if (xml.includes(METADATA_URI)) files[`domains/${dom.uuid}.xml`] = redactDomain(xml)
      }
      return files
    } finally {
      await libvirt.close()
    }
  },
})

/** Rows and sizes of the database, read beside a running agent; no object is read. */
export const databasePart = ({ stateDir }: AgentConfig): Part => ({
  name: 'database.json',
  read: async () => {
    const path = join(stateDir, 'berth.db')
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

/** The agent's log in the journal, newest 20,000 lines. */
export const journalPart = (): Part => ({
  name: 'journal.txt',
  read: async (signal) => {
    const args = ['-u', 'berth-agent', '-n', '20000', '--no-pager', '-o', 'short-iso']
    const options = { timeoutMs: ASK_MS, signal, maxOutputBytes: 64 * 1_048_576 }
    return { 'journal.txt': (await run('journalctl', args, options)).stdout }
  },
})

const QEMU_LOGS = '/var/log/libvirt/qemu'
const MAX_LOGS = 200
/** Characters of each QEMU's log, from its end. */
const LOG_TAIL = 65_536

/** What QEMU said of our machines: files are named NAMESPACE.NAME.log. */
export const qemuLogsPart = (folder = QEMU_LOGS): Part => ({
  name: 'qemu-logs',
  read: async () => {
    const names = (await readdir(folder))
      .filter((name) => /^[a-z0-9-]+\.[a-z0-9.-]+\.log$/.test(name))
      .slice(0, MAX_LOGS)
    const files: Record<string, string> = {}
    for (const name of names) {
      const text = await readFile(join(folder, name), 'utf8').catch((error: unknown) => messageOf(error))
      files[`qemu-logs/${name.slice(-80)}`] = text.slice(-LOG_TAIL)
    }
    return files
  },
})

const MAX_ENTRIES = 10_000

/** Names, sizes, owners and modes of the files below the state folder, and the room that is left. */
export const filesPart = ({ stateDir }: AgentConfig): Part => ({
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
export const configurationPart = (config: AgentConfig): Part => ({
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
