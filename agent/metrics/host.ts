// The agent's own parts at a scrape: libvirt's connections, imports, database and disk space, the certificate.
import { stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { TlsKeeper } from '../../lib/apiserver/auth/tls-keeper.ts'
import type { LibvirtPool } from '../../lib/libvirt/index.ts'
import { CERTIFICATE_EXPIRY, STORE_LOG, STORE_REVISION, STORE_SIZE } from '../../lib/metrics/catalogue.ts'
import type { Collector } from '../../lib/metrics/metrics.ts'
import type { Store } from '../../lib/store/store.ts'
import type { Ledger } from '../controllers/virtualmachine/ledger.ts'
import type { ImportQueue } from '../images/import-queue.ts'
import {
  IMPORT_OLDEST,
  IMPORTS,
  LIBVIRT_CONNECTED,
  NODE_CPU,
  NODE_MEMORY,
  STARTS_WAITING,
  STATE_FREE,
  STATE_SIZE,
  VM_SILENT,
} from './catalogue.ts'

export const libvirtCollector = (pools: Readonly<Record<string, LibvirtPool>>): Collector => ({
  name: 'libvirt',
  collect: (sink) => {
    for (const [socket, pool] of Object.entries(pools)) sink.add(LIBVIRT_CONNECTED, { socket }, Number(pool.connected))
  },
})

export const importsCollector = (imports: ImportQueue): Collector => ({
  name: 'imports',
  collect: (sink) => {
    const { queued, running, failed, oldestMs } = imports.counts()
    for (const [state, count] of Object.entries({ queued, running, failed })) sink.add(IMPORTS, { state }, count)
    sink.add(IMPORT_OLDEST, {}, oldestMs / 1000)
  },
})

/** The database and the disk under it. */
export const storeCollector = (store: Pick<Store, 'revision' | 'compacted'>, stateDir: string): Collector => ({
  name: 'store',
  collect: async (sink) => {
    const revision = store.revision()
    sink.add(STORE_REVISION, {}, Number(revision))
    sink.add(STORE_LOG, {}, Number(revision - store.compacted()))
    const path = join(stateDir, 'berth.db')
    sink.add(STORE_SIZE, { file: 'main' }, await sizeOf(path))
    sink.add(STORE_SIZE, { file: 'wal' }, await sizeOf(`${path}-wal`))
  },
})

export const diskCollector = (stateDir: string): Collector => ({
  name: 'disk',
  collect: async (sink) => {
    const { bsize, blocks, bavail } = await statfs(stateDir)
    sink.add(STATE_SIZE, {}, blocks * bsize)
    sink.add(STATE_FREE, {}, bavail * bsize)
  },
})

export const certificateCollector = (tls: Pick<TlsKeeper, 'describe'>): Collector => ({
  name: 'certificate',
  collect: (sink) => sink.add(CERTIFICATE_EXPIRY, {}, Date.parse(tls.describe().validTo) / 1000),
})

/** What machines hold of the host. */
export const ledgerCollector = (ledger: Pick<Ledger, 'used' | 'limits'>): Collector => ({
  name: 'ledger',
  collect: (sink) => {
    for (const [of, { milliCores, memoryBytes }] of Object.entries({
      allocatable: ledger.limits,
      held: ledger.used(),
    })) {
      sink.add(NODE_CPU, { of }, milliCores / 1000)
      sink.add(NODE_MEMORY, { of }, Number(memoryBytes))
    }
  },
})

/** Machines that are not as they should be, for reasons of the host. */
export const waitsCollector = (turns: { readonly waiting: number }, pulse: { readonly silent: number }): Collector => ({
  name: 'waits',
  collect: (sink) => {
    sink.add(STARTS_WAITING, {}, turns.waiting)
    sink.add(VM_SILENT, {}, pulse.silent)
  },
})

const sizeOf = async (path: string): Promise<number> =>
  await stat(path).then(
    ({ size }) => size,
    () => 0,
  )
