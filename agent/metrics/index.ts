// The agent's metrics: what is counted everywhere, and what each scrape asks for.
import type { LibvirtPool, LibvirtPoolOptions } from '../../lib/libvirt/index.ts'
import type { Counts, Metrics } from '../../lib/metrics/metrics.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { ImportQueue } from '../images/import-queue.ts'
import { LIBVIRT_CALLS, LIBVIRT_DISCONNECTS, LIBVIRT_DURATION } from './catalogue.ts'
import { guestStatsCollector } from './guest-stats.ts'
import { importsCollector, libvirtCollector } from './host.ts'
import { machineObjectsCollector } from './machine-objects.ts'

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
  readonly reader: Reader
  readonly libvirt: LibvirtPool
  /** The same pool with one libvirtd. */
  readonly networks: LibvirtPool
  readonly imports: ImportQueue
}

/** What a scrape asks of the agent beside what every server has, but for what other parts add themselves. */
export function collectAgent(metrics: Metrics, deps: AgentCollectorDeps): void {
  const { reader, libvirt, networks, imports } = deps
  const pools = networks === libvirt ? { qemu: libvirt } : { qemu: libvirt, network: networks }
  const parts = [
    libvirtCollector(pools),
    importsCollector(imports),
    machineObjectsCollector(reader),
    guestStatsCollector(libvirt, reader),
  ]
  for (const part of parts) metrics.collect(part)
}
