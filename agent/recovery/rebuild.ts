// `berth-agent --rebuild`: a database from what is on the host, or (`--missing`) what the database does not have of it. Guests are only looked at.
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { createApiServer } from '../../lib/apiserver/server.ts'
import { type Clock, timestamp } from '../../lib/clock.ts'
import { writeAtomically } from '../../lib/files.ts'
import { LibvirtPool } from '../../lib/libvirt/index.ts'
import { databaseOf } from '../../lib/server/database.ts'
import { createFirstObjects, makeFirstObjects } from '../../lib/server/first-objects.ts'
import { takeLock } from '../../lib/store/sqlite/lock.ts'
import { openSqliteStore } from '../../lib/store/sqlite/open.ts'
import { adoptWitness, discard, putInPlace } from '../../lib/store/sqlite/restore.ts'
import { type Store, unavailable } from '../../lib/store/store.ts'
import { AGENT_KINDS } from '../../schemas/index.ts'
import type { AgentConfig } from '../config.ts'
import { chooseSockets } from '../libvirt-sockets.ts'
import { candidatesOf, DIGEST_PREFIX } from './candidates.ts'
import { type Finds, findAll } from './finds.ts'
import { type Report, restoreObjects } from './restore-objects.ts'
import { seedUserData } from './seed-user-data.ts'

export interface RebuildOptions {
  readonly config: AgentConfig
  readonly clock: Clock
  readonly version: string
  /** Keep the database and add to it, instead of making one. */
  readonly missing: boolean
}

const CONNECT_TIMEOUT_MS = 10_000
const COMPONENT = 'berth-agent'

/** @returns what to print @throws with words for the operator; then the database is as it was, or absent as it was */
export async function rebuild(options: RebuildOptions, signal: AbortSignal): Promise<string> {
  const { config, clock, missing } = options
  const { path } = databaseOf(config.stateDir)
  if (missing) await requireDatabase(path)
  // Whoever holds the lock is alone with the host's files.
  const release = missing ? () => undefined : takeLock(path)
  try {
    if (!missing) await refuseDatabase(path)
    const store = await openTarget(options)
    try {
      const report = await fill(store, options, signal)
      await store.close()
      if (!missing) await putInPlace(path, draftOf(path), 'before-rebuild')
      return await told(report, config, clock)
    } finally {
      await store.close()
      if (!missing) await discard(draftOf(path))
    }
  } finally {
    release()
  }
}

/** Put in place when it is complete: a killed rebuild leaves no database, and is run again. */
const draftOf = (path: string): string => `${path}.rebuilding`

async function openTarget({ config, missing }: RebuildOptions): Promise<Store> {
  const { path, seal } = databaseOf(config.stateDir)
  if (missing) return openSqliteStore({ path, seal, mustExist: true })
  const draft = draftOf(path)
  await discard(draft)
  await adoptWitness(path, draft)
  return openSqliteStore({ path: draft, seal })
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  )

async function refuseDatabase(path: string): Promise<void> {
  if ((await sizeOf(path)) === 0) return rm(path, { force: true })
  throw unavailable(
    'unusable',
    `there is a database ${path}: nothing is put over it. Add to it what it does not have with --rebuild --missing, ` +
      `or, when it is damaged, move it and ${path}-wal away first`,
  )
}

async function requireDatabase(path: string): Promise<void> {
  if ((await sizeOf(path)) > 0) return
  throw unavailable('unusable', `there is no database ${path} to add to; make one with --rebuild`)
}

async function fill(store: Store, { config, clock, version, missing }: RebuildOptions, signal: AbortSignal) {
  const finds = await look(config, signal)
  const userData = await userDataOf(finds, join(config.stateDir, 'seeds'))
  const candidates = candidatesOf({ ...finds, stateDir: config.stateDir, userData, now: clock.now() })
  const log = pino({ level: 'silent' })
  const server = await createApiServer({ store, kinds: AGENT_KINDS, clock, log, version, component: COMPONENT })
  try {
    const { resources } = server
    if (!missing) {
      await makeFirstObjects(resources)
      await createFirstObjects(resources, config.stateDir)
    }
    return await restoreObjects(candidates, { store, resources })
  } finally {
    await server.close()
  }
}

async function look(config: AgentConfig, signal: AbortSignal): Promise<Finds> {
  const { qemu } = await chooseSockets(config.libvirt)
  const libvirt = new LibvirtPool({ socketPath: qemu, uri: config.libvirt.uri })
  try {
    await libvirt.connect({ signal, timeoutMs: CONNECT_TIMEOUT_MS })
    return await findAll(config.stateDir, libvirt, signal)
  } catch (error) {
    throw new Error(`the host cannot be looked at whole, so nothing was made: ${wordsOf(error)}`, { cause: error })
  } finally {
    await libvirt.close()
  }
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

async function userDataOf({ domains }: Finds, seeds: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (const { observed } of domains) {
    const { uid = '', specJson = '' } = observed.metadata ?? {}
    const digest = new RegExp(`"userData":"${DIGEST_PREFIX}([0-9a-f]{64})"`).exec(specJson)?.[1]
    const text = digest === undefined ? null : await seedUserData(seeds, uid, digest)
    if (text !== null) found.set(uid, text)
  }
  return found
}

const HEADS = {
  recovered: 'recovered',
  refused: 'not taken',
  missing: 'missing',
  lost: 'lost',
} as const

/** What no host knows, whatever was found. */
const ALWAYS_LOST = [
  'Not on any host, so only in a backup: Secrets, ConfigMaps, operations, events, VirtualMachineClasses, roles, bindings, tokens,',
  'machines that never ran, labels and annotations of machines and namespaces. Default objects are as after a first start.',
]

/** The text, which is also kept beside the database. */
async function told({ lines, present }: Report, { stateDir }: AgentConfig, clock: Clock): Promise<string> {
  const count = (outcome: keyof typeof HEADS) => lines.filter((line) => line.outcome === outcome).length
  const sections = (Object.keys(HEADS) as (keyof typeof HEADS)[]).flatMap((outcome) =>
    lines.filter((line) => line.outcome === outcome).map(({ text }) => `${HEADS[outcome].padEnd(10)} ${text}`),
  )
  const file = join(stateDir, `rebuild-${timestamp(clock.now()).replaceAll(/[-:]/g, '')}.txt`)
  const text = `${[
    ...sections,
    '',
    ...ALWAYS_LOST,
    `${count('recovered')} recovered, ${present} there already, ${count('refused')} not taken, ${count('missing')} missing, ${count('lost')} losses. This text is ${file}`,
  ].join('\n')}\n`
  await writeAtomically(file, text, 0o600)
  return text
}
