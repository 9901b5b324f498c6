// What every part of the agent works with; made once in app.ts.
import type { Resources } from '../lib/apiserver/resources.ts'
import type { Clock } from '../lib/clock.ts'
import type { EventRecorder } from '../lib/controllers/event-recorder.ts'
import type { LibvirtPool } from '../lib/libvirt/index.ts'
import type { Metrics } from '../lib/metrics/metrics.ts'
import type { ControllerMetrics } from '../lib/reconcile/metrics.ts'
import type { Reader } from '../lib/reconcile/reader.ts'
import type { ClusterSide } from './cluster/index.ts'
import type { AgentConfig } from './config.ts'
import type { PeerTls } from './images/peer-connection.ts'
import type { Log } from './log.ts'
import type { Membership } from './membership/membership.ts'
import type { Peers } from './migration/peers.ts'
import type { OnFileStep } from './seams.ts'

export interface AgentCore {
  readonly config: AgentConfig
  readonly cluster: ClusterSide
  /** What this host shows to other hosts; null while it is in no cluster. Asked for each connection: certificates are renewed. */
  readonly peerTls: () => PeerTls | null
  /** The agents of hosts that machines come from and go to. */
  readonly peers: Peers
  readonly membership: Membership
  readonly log: Log
  readonly clock: Clock
  readonly reader: Reader
  readonly resources: Resources
  readonly events: EventRecorder
  readonly libvirt: LibvirtPool
  /** Told of each step on files. */
  readonly onFileStep: OnFileStep
  /** Counts troubles, takes part in scrapes. Metrics are declared in agent/metrics/catalogue.ts. */
  readonly metrics: Metrics
  /** For every controller. */
  readonly observer: ControllerMetrics
}
