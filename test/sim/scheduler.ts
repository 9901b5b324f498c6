// The scheduler's real code as one process of the simulation: its store, its API without listeners, its cluster. Killed without a word.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Caller } from '../../lib/apiserver/auth/caller.ts'
import { LateResources } from '../../lib/apiserver/late-resources.ts'
import { createApiServer } from '../../lib/apiserver/server.ts'
import { commonControllers } from '../../lib/controllers/common.ts'
import { EventRecorder } from '../../lib/controllers/event-recorder.ts'
import { ownerIndexes } from '../../lib/controllers/owners.ts'
import { Metrics } from '../../lib/metrics/metrics.ts'
import type { KubeObject } from '../../lib/object.ts'
import { Cache } from '../../lib/reconcile/cache.ts'
import type { Controller } from '../../lib/reconcile/controller.ts'
import { ControllerMetrics } from '../../lib/reconcile/metrics.ts'
import { serverAdmission, serverCompletions } from '../../lib/server/rules.ts'
import { openSqliteStore } from '../../lib/store/sqlite/open.ts'
import type { Change } from '../../lib/store/store.ts'
import { type Cluster, createCluster } from '../../scheduler/cluster.ts'
import { toConfig } from '../../scheduler/config.ts'
import type { SchedulerCore } from '../../scheduler/core.ts'
import type { FenceCommand } from '../../scheduler/failover/fence.ts'
import { CLUSTER_INDEXES } from '../../scheduler/indexes.ts'
import { SCHEDULER_METRICS } from '../../scheduler/metrics/catalogue.ts'
import { DELETION_ORDER } from '../../scheduler/names.ts'
import { LEASE_RENEWAL, type LeaseAnswer, type LeaseAsk } from '../../schemas/cluster/leaserenewal.ts'
import { KINDS } from '../../schemas/index.ts'
import { NO_AUTHORITY, SimMembers } from './clients.ts'
import type { SimHost } from './host/host.ts'
import type { Network, Party } from './network.ts'
import { type Fate, GatedStore } from './store.ts'
import { Life, type MachineClock, type Timeline } from './time.ts'

/** A process is killed at its n-th write from now, before or after it is on the disk. */
export interface Ending {
  readonly writes: number
  readonly when: Exclude<Fate, 'goes on'>
}

export interface SchedulerProcessOptions {
  readonly name: string
  readonly folder: string
  readonly restored: boolean
  /** It answers, and does nothing else. */
  readonly idle: boolean
  readonly clock: MachineClock
  readonly timeline: Timeline
  readonly network: Network
  readonly hosts: ReadonlyMap<string, SimHost>
  readonly party: Party
  readonly fence: FenceCommand
  /** Fields of its configuration. */
  readonly config: Readonly<Record<string, unknown>>
  /** Hears of every commit, before anybody else does. */
  readonly tell: (change: Change) => void
  readonly say: (words: string) => void
  readonly ending: Ending | null
  /** No space is left on its disk. */
  readonly full: boolean
  readonly onEnd: () => void
  readonly onFault: (error: unknown) => void
}

interface Parts {
  readonly store: GatedStore
  readonly reader: Cache
  readonly cluster: Cluster
  readonly controllers: readonly Controller[]
  readonly events: EventRecorder
}

const LEVEL = process.env.BERTH_TEST_LOG ?? 'silent'

export class SchedulerProcess {
  readonly life: Life
  readonly #options: SchedulerProcessOptions
  readonly resources = new LateResources()
  /** Virtual ms. */
  readonly began: number
  #parts: Parts | null = null
  #store: GatedStore | null = null
  #ending: Ending | null
  #writes = 0
  #closing: Promise<void> = Promise.resolve()
  #ended: () => void = () => undefined
  readonly #end = new Promise<void>((resolve) => {
    this.#ended = resolve
  })

  constructor(options: SchedulerProcessOptions) {
    this.#options = options
    this.began = options.timeline.now
    this.life = new Life(options.timeline, options.clock)
    this.#ending = options.ending
  }

  /** It has read its store. */
  get serves(): boolean {
    return this.#parts !== null
  }

  get reader(): Cache {
    return this.#running().reader
  }

  get cluster(): Cluster {
    return this.#running().cluster
  }

  /** Resolves when it serves, or was killed before. */
  start(): Promise<void> {
    return this.#options.timeline.hold(Promise.race([this.#start(), this.#end]))
  }

  async #start(): Promise<void> {
    const { folder, restored, timeline, tell } = this.#options
    mkdirSync(folder, { recursive: true })
    // The disk outlives the process: its upkeep is not what is killed here.
    const inner = await openSqliteStore({
      path: join(folder, 'berth.db'),
      restored,
      clock: new Life(timeline, this.#options.clock),
    })
    inner.subscribe((changes) => {
      timeline.alive()
      for (const change of changes) tell(change)
    })
    this.#store = new GatedStore({
      inner,
      life: this.life,
      timeline,
      fate: () => this.#fate(),
      kill: () => void this.kill(),
    })
    if (this.#options.full) this.#store.setFull(true)
    this.#parts = await this.#assemble(this.#store)
    if (this.#options.idle) return
    const { controllers, events, cluster } = this.#parts
    for (const controller of controllers) controller.start()
    events.start()
    cluster.start()
  }

  /** SIGKILL. Resolves when its files are let go of. */
  kill(): Promise<void> {
    if (this.life.alive) {
      this.life.end()
      const closing = this.#store?.close().catch(this.#options.onFault) ?? Promise.resolve()
      this.#closing = this.#options.timeline.hold(closing)
      this.#ended()
      this.#options.onEnd()
    }
    return this.#closing
  }

  endAt(ending: Ending | null): void {
    this.#ending = ending
    this.#writes = 0
  }

  setFull(full: boolean): void {
    this.#store?.setFull(full)
  }

  /** A host's sign of life, as its certificate names it. */
  async renew(ask: LeaseAsk): Promise<LeaseAnswer> {
    const kind = this.#running().cluster.api.virtual.find(({ kind }) => kind.resource === LEASE_RENEWAL.resource)
    if (kind === undefined) throw new Error('the scheduler takes no signs of life')
    const object = { apiVersion: 'cluster.berth/v1', kind: 'LeaseRenewal', ...ask } as unknown as KubeObject
    const caller: Caller = {
      user: `system:node:${ask.node}`,
      groups: ['system:nodes'],
      uid: '',
      via: 'certificate',
      credential: '1',
      expiresAt: null,
      client: ask.node,
    }
    return (await kind.answer({ object, caller, namespace: '' })) as unknown as LeaseAnswer
  }

  async #assemble(store: GatedStore): Promise<Parts> {
    const { name, timeline, network, hosts, party } = this.#options
    const clock = this.life
    const log = pino({ level: LEVEL })
    const { resources } = this
    const reader = new Cache({
      store,
      resources: KINDS.map(({ resource }) => resource),
      indexes: { ...ownerIndexes(KINDS), ...CLUSTER_INDEXES },
    })
    await reader.start()
    const metrics = new Metrics({ clock, log, catalogue: SCHEDULER_METRICS })
    const observer = new ControllerMetrics(metrics)
    const component = 'berth-scheduler'
    const events = new EventRecorder({ reader, resources, clock, log, component, instance: name })
    const members = new SimMembers({ reader, timeline, network, hosts, party })
    const config = toConfig({ stateDir: this.#options.folder, ...this.#options.config })
    const core: SchedulerCore = {
      ...{ config, version: 'sim', log, clock, reader, resources, events, store, metrics, observer, members },
      authority: NO_AUTHORITY,
      fence: () => this.#options.fence,
    }
    const cluster = createCluster(core)
    const { admission, completions, ...added } = cluster.api
    const server = await createApiServer({
      store,
      resources,
      kinds: KINDS,
      clock,
      log,
      version: 'sim',
      component,
      admission: [...serverAdmission(reader), ...admission],
      completions: [...serverCompletions(reader), ...completions],
      ...added,
    })
    await server.keepDefaultRoles()
    const controllers = [
      ...commonControllers({ reader, resources, kinds: KINDS, order: DELETION_ORDER, clock, log, observer }),
      ...cluster.controllers,
    ]
    return { store, reader, cluster, controllers, events }
  }

  #running(): Parts {
    if (this.#parts === null) throw new Error(`${this.#options.name} does not serve yet`)
    return this.#parts
  }

  #fate(): Fate {
    if (this.#ending === null) return 'goes on'
    this.#writes += 1
    return this.#writes === this.#ending.writes ? this.#ending.when : 'goes on'
  }
}
