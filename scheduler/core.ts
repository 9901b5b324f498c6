// What every part of the scheduler works with; made once in app.ts.
import type { Resources } from '../lib/apiserver/resources.ts'
import type { Clock } from '../lib/clock.ts'
import type { EventRecorder } from '../lib/controllers/event-recorder.ts'
import type { Metrics } from '../lib/metrics/metrics.ts'
import type { ControllerMetrics } from '../lib/reconcile/metrics.ts'
import type { Reader } from '../lib/reconcile/reader.ts'
import type { Store } from '../lib/store/store.ts'
import type { SchedulerConfig } from './config.ts'
import type { FenceCommand } from './failover/fence.ts'
import type { Door } from './links/door.ts'
import type { Log } from './log.ts'
import type { ClusterAuthority } from './membership/authority.ts'
import type { Members } from './membership/members.ts'

export interface SchedulerCore {
  readonly config: SchedulerConfig
  readonly version: string
  readonly log: Log
  readonly clock: Clock
  readonly reader: Reader
  /** Works once the API server is made: not in a constructor. */
  readonly resources: Resources
  readonly events: EventRecorder
  /** For its revision, its troubles and what is no object; objects are read and written through `reader` and `resources`. */
  readonly store: Store
  /** The cluster's own authority. */
  readonly authority: ClusterAuthority
  /** The joined hosts and the clients of their agents. */
  readonly members: Members
  /** Of the API over TCP; without it hosts are read whoever comes. */
  readonly door?: Door
  /** For tests: how hosts are powered off, given the configured programs. */
  readonly fence?: (configured: FenceCommand) => FenceCommand
  /** Counts troubles, takes part in scrapes. Metrics are declared in scheduler/metrics/catalogue.ts. */
  readonly metrics: Metrics
  /** For every controller. */
  readonly observer: ControllerMetrics
}
