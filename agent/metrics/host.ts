import type { LibvirtPool } from '../../lib/libvirt/index.ts'
import type { Collector } from '../../lib/metrics/metrics.ts'
import type { LeaseKeeper } from '../cluster/lease.ts'
import type { Ledger } from '../controllers/virtualmachine/ledger.ts'
import type { ImportQueue } from '../images/import-queue.ts'
import {
  IMPORT_OLDEST,
  IMPORTS,
  LEASE_LEFT,
  LIBVIRT_CONNECTED,
  NODE_CPU,
  NODE_MEMORY,
  STARTS_WAITING,
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

export const leaseCollector = (lease: Pick<LeaseKeeper, 'state' | 'secondsLeft'>): Collector => ({
  name: 'lease',
  collect: (sink) => sink.add(LEASE_LEFT, {}, lease.state.state === 'none' ? undefined : lease.secondsLeft()),
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
