// The agent's metrics: what is counted everywhere, and what each scrape asks for.
import type { Access } from '../../lib/apiserver/auth/access.ts'
import type { LibvirtPool, LibvirtPoolOptions } from '../../lib/libvirt/index.ts'
import { STORE_CHANGES, STORE_COMMIT_DURATION, STORE_COMMITS } from '../../lib/metrics/catalogue.ts'
import type { Counts, Metrics } from '../../lib/metrics/metrics.ts'
import { objectsCollector } from '../../lib/metrics/objects.ts'
import { processCollector } from '../../lib/metrics/process.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { CommitObserver } from '../../lib/store/sqlite/writer.ts'
import type { Store } from '../../lib/store/store.ts'
import { KINDS } from '../../schemas/index.ts'
import type { ImportQueue } from '../images/import-queue.ts'
import type { AgentStreams } from '../streams/index.ts'
import { LIBVIRT_CALLS, LIBVIRT_DISCONNECTS, LIBVIRT_DURATION } from './catalogue.ts'
import { guestStatsCollector } from './guest-stats.ts'
import { certificateCollector, diskCollector, importsCollector, libvirtCollector, storeCollector } from './host.ts'
import { machineObjectsCollector } from './machine-objects.ts'

export const countCommits = (counts: Counts): CommitObserver => ({
  committed: (outcome, changes, ms) => {
    counts.inc(STORE_COMMITS, { outcome })
    counts.inc(STORE_CHANGES, {}, changes)
    counts.observe(STORE_COMMIT_DURATION, {}, ms / 1000)
  },
})

/** Counts the calls of a pool. `socket` is the value of the label: `qemu`, `network`. */
export const countCalls =
  (counts: Counts) =>
  (socket: string): Pick<LibvirtPoolOptions, 'onCall' | 'onState'> => ({
    onCall: ({ procedure, outcome, ms }) => {
      counts.inc(LIBVIRT_CALLS, { procedure, outcome })
      counts.observe(LIBVIRT_DURATION, { procedure }, ms / 1000)
    },
    onState: (state) => {
      if (state === 'disconnected') counts.inc(LIBVIRT_DISCONNECTS, { socket })
    },
  })

export interface AgentCollectorDeps {
  readonly component: string
  readonly version: string
  readonly reader: Reader
  readonly store: Store
  readonly stateDir: string
  readonly libvirt: LibvirtPool
  /** The same pool with one libvirtd. */
  readonly networks: LibvirtPool
  readonly imports: ImportQueue
  readonly access: Access
}

/** Everything that a scrape asks of the agent, but for what other parts add themselves. */
export function collectAgent(metrics: Metrics, deps: AgentCollectorDeps): void {
  const { reader, store, stateDir, libvirt, networks, imports, access } = deps
  const pools = networks === libvirt ? { qemu: libvirt } : { qemu: libvirt, network: networks }
  const parts = [
    processCollector(deps),
    objectsCollector(reader, KINDS),
    storeCollector(store, stateDir),
    diskCollector(stateDir),
    certificateCollector(access.tls),
    libvirtCollector(pools),
    importsCollector(imports),
    machineObjectsCollector(reader),
    guestStatsCollector(libvirt, reader),
  ]
  for (const part of parts) metrics.collect(part)
}

/** What the label `resource` of the API's metrics may be: every kind, its status, and the streams and pictures of machines. */
export const resourceLabels = ({ connect, reads }: AgentStreams): readonly string[] => [
  ...KINDS.flatMap(({ plural }) => [plural, `${plural}/status`]),
  ...[...connect, ...reads].map(({ plural, name }) => `${plural}/${name}`),
]
