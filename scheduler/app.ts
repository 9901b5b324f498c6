// Puts the scheduler together: store, API, and what cluster.ts plugs into them.
import { hostname } from 'node:os'
import { LateResources } from '../lib/apiserver/late-resources.ts'
import type { Clock } from '../lib/clock.ts'
import { commonControllers } from '../lib/controllers/common.ts'
import { EventRecorder } from '../lib/controllers/event-recorder.ts'
import { ownerIndexes } from '../lib/controllers/owners.ts'
import { createServerApi } from '../lib/server/api.ts'
import { openFoundation } from '../lib/server/foundation.ts'
import { type Overload, OverloadWatch } from '../lib/server/overload.ts'
import type { RunningServer, ServerStart } from '../lib/server/program.ts'
import { serve } from '../lib/server/serving.ts'
import { KINDS } from '../schemas/index.ts'
import { createCluster } from './cluster.ts'
import { type SchedulerConfig, servedOf } from './config.ts'
import type { SchedulerCore } from './core.ts'
import { CLUSTER_INDEXES } from './indexes.ts'
import { Door } from './links/door.ts'
import { refuseLostDatabase } from './lost.ts'
import { ClusterAuthority } from './membership/authority.ts'
import { Members } from './membership/members.ts'
import { SCHEDULER_METRICS } from './metrics/catalogue.ts'
import { overloadCollector } from './metrics/collectors.ts'
import { DELETION_ORDER } from './names.ts'
import { NO_SEAMS, type SchedulerSeams } from './seams.ts'

/** Under this name the scheduler records events and the fields that it owns. */
const COMPONENT = 'berth-scheduler'

export interface SchedulerOptions extends ServerStart {
  readonly config: SchedulerConfig
  readonly clock: Clock
  readonly version: string
  /** For tests. */
  readonly seams?: SchedulerSeams
}

/** Resolves when the API listens. @throws with words for the operator when it cannot */
export async function startScheduler({
  config,
  log,
  clock,
  version,
  onFailed,
  seams = NO_SEAMS,
}: SchedulerOptions): Promise<RunningServer> {
  const served = servedOf(config)
  const foundation = await openFoundation({
    served,
    component: COMPONENT,
    version,
    kinds: KINDS,
    indexes: { ...ownerIndexes(KINDS), ...CLUSTER_INDEXES },
    catalogue: SCHEDULER_METRICS,
    clock,
    log,
    folderMode: 0o700,
    check: refuseLostDatabase,
    storeSeam: seams.store,
  })
  const { store, reader, metrics, observer, ask } = foundation
  const resources = new LateResources()
  const events = new EventRecorder({ reader, resources, clock, log, component: COMPONENT, instance: hostname() })
  const authority = await ClusterAuthority.open(config.stateDir, clock, seams.onAuthorityStep)
  const members = new Members({ reader, authority, version })
  const door = new Door(clock)
  const core: SchedulerCore = {
    config,
    version,
    log,
    clock,
    reader,
    resources,
    events,
    store,
    authority,
    members,
    door,
    fence: seams.fence,
    metrics,
    observer,
  }
  const cluster = createCluster(core)
  const load = new OverloadWatch({ clock, log, queues: () => observer.latest(), onChange: () => undefined })
  metrics.collect(overloadCollector(load))
  const server = await createServerApi({
    served,
    foundation,
    kinds: KINDS,
    clock,
    log,
    version,
    component: COMPONENT,
    own: { resources, ...cluster.api },
  })
  const controllers = [
    ...commonControllers({ reader, resources, kinds: KINDS, order: DELETION_ORDER, clock, log, observer }),
    ...cluster.controllers,
  ]
  const stop = await serve({
    config,
    foundation,
    server,
    log,
    events,
    controllers,
    cluster: () => authority.identity,
    onConnection: door.opened,
    onFailed,
    begin: (signal) => {
      void authority.keep(log, signal)
      cluster.start()
      load.start()
    },
    end: async () => {
      await load.stop()
      await cluster.stop()
      await members.stop()
    },
  })
  return {
    settled: cluster.settled,
    status: () => statusLine(cluster.status(), load.overload()),
    ask,
    meanwhile: 'hosts and guests go on',
    stop,
  }
}

const statusLine = (status: string, overload: Overload | null): string =>
  overload === null ? status : `${status}; does not keep up: ${overload.message}`
