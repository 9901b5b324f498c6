// What the scheduler does beyond serving objects: the place where its parts are made and plugged into the API server.

import type { ApiServerOptions } from '../lib/apiserver/server.ts'
import { ApiError } from '../lib/errors.ts'
import type { Controller } from '../lib/reconcile/controller.ts'
import { LEASE_SECONDS } from '../schemas/cluster/leaserenewal.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  type StorageClass,
  toldClass,
  type VirtualMachine,
} from '../schemas/index.ts'
import { STORAGE_CLASSES, VMS } from '../schemas/resources.ts'
import { newerDisk } from './binder/newer.ts'
import type { SchedulerCore } from './core.ts'
import { deathOn } from './failover/death.ts'
import { Promises } from './failover/promises.ts'
import { createHosting } from './hosting.ts'
import { byUid } from './indexes.ts'
import { LeaseTable } from './leases.ts'
import { createMembership } from './membership/index.ts'
import { clusterCollector } from './metrics/collectors.ts'
import { createOperations, type Operations } from './operations.ts'
import { isOwner } from './owner.ts'
import { placementExplanation } from './placement/explain.ts'
import { schedulerStreams } from './streams/forward.ts'

/** What the parts add to the API. */
export type ClusterApi = Required<
  Pick<ApiServerOptions, 'admission' | 'completions' | 'connect' | 'reads' | 'reports' | 'virtual' | 'readiness'>
>

export interface Cluster {
  readonly api: ClusterApi
  /** Started and stopped by app.ts, asked for everything again when the store takes writes again. */
  readonly controllers: readonly Controller[]
  /** Begins what is no controller. The API listens already. */
  start(): void
  /** Ends what {@link start} began. The API is closed already, the controllers are not. */
  stop(): Promise<void>
  /** Resolves once hosts were asked for the first time, whatever came of it. */
  readonly settled: Promise<void>
  /** What the scheduler is doing, in one line. */
  status(): string
}

/** Makes every part; none reads or writes objects before `start`. */
export function createCluster(core: SchedulerCore): Cluster {
  const { reader, resources, store, members, clock, log } = core
  const promises = new Promises({ reader, resources, storeId: store.id, log })
  const leases: LeaseTable = new LeaseTable({
    clock,
    ruler: () => hosting.ruler.signature(),
    refusal: () => hosting.ruler.refusal(),
    onAsk: (node) => hosting.agents.heard(node),
    remember: (ask) => promises.remember(ask),
    member: (node) => members.uidOf(node),
    storageClasses: () => reader.list<StorageClass>(STORAGE_CLASSES).map(toldClass),
    owns: (node, { uid, epoch }) => {
      const [vm] = reader.byIndex<VirtualMachine>(byUid(VMS), uid)
      // Just back from the dead: its machines may be on their way to another host at this moment.
      if (deathOn(reader, node) !== null) return false
      const { agents } = hosting
      // It could start with a disk that another machine has by now.
      if (vm !== undefined && newerDisk(vm, { reader, agents }) !== null) return false
      return isOwner(node, epoch, clusterStatusOf<ClusterVmStatus>(vm ?? null), agents.bindingsOf(uid))
    },
  })
  const membership = createMembership(core)
  const hosting = createHosting({
    ...core,
    clients: members,
    heardAt: (node) => leases.get(node)?.heardAt ?? null,
    onRefused: (key) => operations.refused(key),
  })
  const operations: Operations = createOperations({ ...core, hosting, leases })
  core.metrics.collect(clusterCollector({ reader, members, hosting }))
  const streams = schedulerStreams({ reader, log, clientFor: (node) => members.clientFor(node) })
  return {
    api: {
      admission: [],
      completions: [],
      connect: [...streams.connect],
      reads: [...streams.reads],
      reports: [],
      virtual: [leases.virtual, ...membership.virtual, ...operations.virtual, placementExplanation(hosting.explaining)],
      readiness: [
        {
          name: 'rule',
          check: async () => {
            const { state } = hosting.ruler
            if (state.kind === 'superseded' || state.kind === 'outdated')
              throw new ApiError('ServiceUnavailable', state.message)
          },
        },
      ],
    },
    controllers: [...hosting.controllers, ...operations.controllers],
    start: () => {
      membership.start()
      hosting.start()
      operations.start()
      leases.onRenewal(({ node, heardAt }, before) => {
        if (before !== null && heardAt - before.heardAt > LEASE_SECONDS * 1000) hosting.agents.hurry(node)
      })
    },
    stop: async () => {
      operations.stop()
      await Promise.all([membership.stop(), hosting.stop()])
    },
    settled: hosting.agents.asked,
    status: () => statusLine(core, hosting.ruler.refusal(), hosting.machines.waiting),
  }
}

function statusLine({ reader, members }: SchedulerCore, refusal: string | null, waiting: number): string {
  if (refusal !== null) return `Does nothing to hosts: ${refusal}`
  const waits = waiting === 0 ? '' : `; ${waiting} wait for a host`
  return `Rules ${members.nodes().length} hosts with ${reader.list(VMS).length} machines${waits}`
}
