// What every server of Berth says at a scrape: process, objects, database, disk space, certificate.
import { stat, statfs } from 'node:fs/promises'
import type { KindDef } from '../../schemas/kind.ts'
import type { TlsKeeper } from '../apiserver/auth/tls-keeper.ts'
import type { Subresource } from '../apiserver/connect.ts'
import {
  CERTIFICATE_EXPIRY,
  STATE_FREE,
  STATE_SIZE,
  STORE_CHANGES,
  STORE_COMMIT_DURATION,
  STORE_COMMITS,
  STORE_LOG,
  STORE_REVISION,
  STORE_SIZE,
} from '../metrics/catalogue.ts'
import type { Collector, Counts, Metrics } from '../metrics/metrics.ts'
import { objectsCollector } from '../metrics/objects.ts'
import { processCollector } from '../metrics/process.ts'
import type { Reader } from '../reconcile/reader.ts'
import type { CommitObserver } from '../store/sqlite/writer.ts'
import type { Store } from '../store/store.ts'
import { databasePath } from './database.ts'

export const countCommits = (counts: Counts): CommitObserver => ({
  committed: (outcome, changes, ms) => {
    counts.inc(STORE_COMMITS, { outcome })
    counts.inc(STORE_CHANGES, {}, changes)
    counts.observe(STORE_COMMIT_DURATION, {}, ms / 1000)
  },
})

export interface ServerCollectorDeps {
  /** The program: `berth-agent`. */
  readonly component: string
  readonly version: string
  readonly kinds: readonly KindDef[]
  readonly reader: Reader
  readonly store: Store
  readonly stateDir: string
  readonly tls: TlsKeeper
}

export function collectServer(metrics: Metrics, deps: ServerCollectorDeps): void {
  const { reader, kinds, store, stateDir, tls } = deps
  const parts = [
    processCollector(deps),
    objectsCollector(reader, kinds),
    storeCollector(store, stateDir),
    diskCollector(stateDir),
    certificateCollector(tls),
  ]
  for (const part of parts) metrics.collect(part)
}

/** What the label `resource` of the API's metrics may be: every kind, its status, and the subresources. */
export const resourceLabels = (kinds: readonly KindDef[], subresources: readonly Subresource[]): ReadonlySet<string> =>
  new Set([
    ...kinds.flatMap(({ plural }) => [plural, `${plural}/status`]),
    ...subresources.map(({ plural, name }) => `${plural}/${name}`),
  ])

const storeCollector = (store: Pick<Store, 'revision' | 'compacted'>, stateDir: string): Collector => ({
  name: 'store',
  collect: async (sink) => {
    const revision = store.revision()
    sink.add(STORE_REVISION, {}, Number(revision))
    sink.add(STORE_LOG, {}, Number(revision - store.compacted()))
    const path = databasePath(stateDir)
    sink.add(STORE_SIZE, { file: 'main' }, await sizeOf(path))
    sink.add(STORE_SIZE, { file: 'wal' }, await sizeOf(`${path}-wal`))
  },
})

const diskCollector = (stateDir: string): Collector => ({
  name: 'disk',
  collect: async (sink) => {
    const { bsize, blocks, bavail } = await statfs(stateDir)
    sink.add(STATE_SIZE, {}, blocks * bsize)
    sink.add(STATE_FREE, {}, bavail * bsize)
  },
})

const certificateCollector = (tls: Pick<TlsKeeper, 'describe'>): Collector => ({
  name: 'certificate',
  collect: (sink) => sink.add(CERTIFICATE_EXPIRY, {}, Date.parse(tls.describe().validTo) / 1000),
})

const sizeOf = async (path: string): Promise<number> =>
  await stat(path).then(
    ({ size }) => size,
    () => 0,
  )
