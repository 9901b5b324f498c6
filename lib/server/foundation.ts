// What a server stands on before its API is put together: state folder, database, cache, metrics, way in, audit log.
import { chmod, mkdir } from 'node:fs/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { KindDef } from '../../schemas/kind.ts'
import { NAMESPACES } from '../../schemas/resources.ts'
import type { Access } from '../apiserver/auth/access.ts'
import type { Clock } from '../clock.ts'
import type { MetricDef } from '../metrics/define.ts'
import { Metrics } from '../metrics/metrics.ts'
import { Cache, type IndexFunction } from '../reconcile/cache.ts'
import { ControllerMetrics } from '../reconcile/metrics.ts'
import { openSqliteStore } from '../store/sqlite/open.ts'
import type { Store } from '../store/store.ts'
import { type Audit, openAudit } from './audit.ts'
import { databaseOf } from './database.ts'
import { openServerAccess, type Served } from './listen.ts'
import { collectServer, countCommits } from './metrics.ts'

export interface FoundationOptions {
  readonly served: Served
  /** The program: `berth-agent`. */
  readonly component: string
  readonly version: string
  readonly kinds: readonly KindDef[]
  readonly indexes: Readonly<Record<string, IndexFunction>>
  /** Every metric of the server. */
  readonly catalogue: readonly MetricDef[]
  readonly clock: Clock
  readonly log: FastifyBaseLogger
  /** Of the state folder. */
  readonly folderMode: number
  /** Refuses a state folder in which a new database must not be made. */
  readonly check?: (stateDir: string) => Promise<void>
  /** For tests: somebody between the server and its store. */
  readonly storeSeam?: (store: Store) => Store
}

export interface Foundation {
  readonly store: Store
  readonly reader: Cache
  readonly metrics: Metrics
  readonly observer: ControllerMetrics
  readonly access: Access
  /** Null when the configuration wants none. */
  readonly audit: Audit | null
  /** Resolves, or throws, when the store has answered through its writer. Writes nothing. */
  ask(): Promise<unknown>
}

/** @throws Error with words for the operator, StoreError */
export async function openFoundation(options: FoundationOptions): Promise<Foundation> {
  const { served, component, version, kinds, indexes, catalogue, clock, log, folderMode, check } = options
  const { stateDir } = served.config
  await mkdir(stateDir, { recursive: true, mode: folderMode })
  await chmod(stateDir, folderMode)
  await check?.(stateDir)
  const metrics = new Metrics({ clock, log, catalogue })
  const observer = new ControllerMetrics(metrics)
  metrics.collect(observer)
  const sqlite = await openSqliteStore({ ...databaseOf(stateDir), clock, log, observer: countCommits(metrics) })
  const store = options.storeSeam?.(sqlite) ?? sqlite
  const reader = new Cache({ store, resources: kinds.map(({ resource }) => resource), indexes })
  await reader.start()
  const access = await openServerAccess(served, clock)
  const audit = await openAudit(served.config, clock, log)
  collectServer(metrics, { component, version, kinds, reader, store, stateDir, tls: access.tls })
  return {
    store,
    reader,
    metrics,
    observer,
    access,
    audit,
    ask: () => store.transact([{ op: 'check', key: { resource: NAMESPACES, namespace: '', name: 'default' } }]),
  }
}
