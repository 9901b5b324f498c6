// A scheduler's hosting over a real store, with fakes of agents behind real sockets.
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { Core } from '../../../../lib/apiserver/core/core.ts'
import { CoreResources } from '../../../../lib/apiserver/core/resources.ts'
import { Registry } from '../../../../lib/apiserver/registry.ts'
import type { Resources } from '../../../../lib/apiserver/resources.ts'
import { systemClock } from '../../../../lib/clock.ts'
import { ownerIndexes } from '../../../../lib/controllers/owners.ts'
import type { KubeObject } from '../../../../lib/object.ts'
import { Cache } from '../../../../lib/reconcile/cache.ts'
import { silentLog } from '../../../../lib/reconcile/log.ts'
import { openSqliteStore } from '../../../../lib/store/sqlite/open.ts'
import type { Store } from '../../../../lib/store/store.ts'
import { createHosting, type Hosting } from '../../../../scheduler/hosting.ts'
import { CLUSTER_INDEXES } from '../../../../scheduler/indexes.ts'
import { KINDS, type VirtualMachine } from '../../../../schemas/index.ts'
import {
  DISKS,
  NAMESPACES,
  NODES,
  STORAGE_CLASSES,
  VM_CLASSES,
  VM_OPERATIONS,
  VMS,
} from '../../../../schemas/resources.ts'
import { Counted } from '../../../support/counted.ts'
import { type FakeAgent, type FakeAgentOptions, FakeClients, startFakeAgent } from '../../../support/fake-agents.ts'
import { scratch } from '../../../support/scratch.ts'

/** For a test whose steps take milliseconds, and on a machine that is busy many times as long: it ends by what comes to pass, not by the clock. */
export const PATIENT = { timeout: 120_000 }

/** What comes to pass sooner or later. */
export const soon = <T>(look: () => T) => expect.poll(look, { timeout: 60_000, interval: 20 })

export interface SchedulerWorld {
  readonly store: Store
  readonly reader: Cache
  readonly resources: Resources
  readonly hosting: Hosting
  readonly told: string[]
  readonly counted: Counted
  /** Passes of controllers so far, by name. */
  readonly passes: Readonly<Record<string, number>>
  end(): Promise<void>
}

export class ClusterWorld {
  readonly dir = scratch()
  readonly clients = new FakeClients()
  readonly agents: FakeAgent[] = []

  async agent(node: string, options: FakeAgentOptions = {}): Promise<FakeAgent> {
    const agent = await startFakeAgent(node, this.dir, options)
    this.agents.push(agent)
    onTestFinished(() => agent.stop())
    this.clients.add(agent)
    return agent
  }

  /** Several in a row are restarts of one scheduler. */
  async scheduler(name = 'scheduler', clients = this.clients): Promise<SchedulerWorld> {
    const store = await openSqliteStore({ path: join(this.dir, `${name}.db`) })
    const reader = new Cache({
      store,
      resources: KINDS.map(({ resource }) => resource),
      indexes: { ...ownerIndexes(KINDS), ...CLUSTER_INDEXES },
    })
    await reader.start()
    const core: Core = {
      store,
      registry: new Registry(KINDS),
      clock: systemClock,
      component: 'berth-scheduler',
      guards: [],
      admission: [],
      completions: [],
      resources: new CoreResources(() => core),
    }
    const { resources } = core
    const first: readonly [string, object][] = [
      [NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } }],
      [
        VM_CLASSES,
        {
          apiVersion: 'virtualization.deckhouse.io/v1alpha3',
          kind: 'VirtualMachineClass',
          metadata: { name: 'generic' },
          spec: { cpu: { type: 'Host' } },
        },
      ],
      [
        STORAGE_CLASSES,
        {
          apiVersion: 'storage.k8s.io/v1',
          kind: 'StorageClass',
          metadata: { name: 'dir', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
          provisioner: 'berth/dir',
        },
      ],
      ...clients
        .nodes()
        .map((node): [string, object] => [
          NODES,
          { apiVersion: 'v1', kind: 'Node', metadata: { name: node }, spec: {} },
        ]),
    ]
    for (const [resource, object] of first) await resources.create(resource, object as never).catch(() => undefined)
    const told: string[] = []
    const counted = new Counted()
    const passes: Record<string, number> = {}
    const hosting = createHosting({
      store,
      reader,
      resources,
      events: { record: (object, text) => void told.push(`${object.metadata.name}: ${text.reason}: ${text.message}`) },
      clients,
      clock: systemClock,
      log: silentLog,
      metrics: counted,
      observer: {
        started: () => undefined,
        stopped: () => undefined,
        passed: ({ name }) => {
          passes[name] = (passes[name] ?? 0) + 1
        },
      },
    })
    for (const controller of hosting.controllers) controller.start()
    hosting.start()
    let ended = false
    const end = async () => {
      if (ended) return
      ended = true
      await hosting.stop()
      await Promise.all(hosting.controllers.map((controller) => controller.stop()))
      reader.stop()
      await store.close()
    }
    onTestFinished(end)
    return { store, reader, resources, hosting, told, counted, passes, end }
  }
}

export interface VmWish {
  readonly cores?: number
  readonly memory?: string
  readonly runPolicy?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly spec?: object
  readonly disks?: readonly string[]
}

export const createDisk = ({ resources }: SchedulerWorld, name: string): Promise<KubeObject> =>
  resources.create(DISKS, {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualDisk',
    metadata: { name, namespace: 'default' },
    spec: { persistentVolumeClaim: { size: '1Gi' } },
  } as never)

/** With a disk of its own. */
export async function createVm(world: SchedulerWorld, name: string, wish: VmWish = {}): Promise<VirtualMachine> {
  const { cores = 1, memory = '512Mi', runPolicy = 'AlwaysOnUnlessStoppedManually', labels, annotations, spec } = wish
  const disks = wish.disks ?? [`${name}-root`]
  if (wish.disks === undefined) await createDisk(world, `${name}-root`)
  return await world.resources.create<VirtualMachine>(VMS, {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualMachine',
    metadata: {
      name,
      namespace: 'default',
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      runPolicy,
      virtualMachineClassName: 'generic',
      cpu: { cores },
      memory: { size: memory },
      blockDeviceRefs: disks.map((disk) => ({ kind: 'VirtualDisk', name: disk })),
      ...spec,
    },
  } as never)
}

export const vmOf = ({ reader }: SchedulerWorld, name: string): VirtualMachine | null =>
  reader.get<VirtualMachine>(VMS, { namespace: 'default', name })

export const operate = ({ resources }: SchedulerWorld, name: string, type: string, vm: string): Promise<KubeObject> =>
  resources.create(VM_OPERATIONS, {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualMachineOperation',
    metadata: { name, namespace: 'default' },
    spec: { type, virtualMachineName: vm },
  } as never)

export const runningWords = (world: SchedulerWorld, name: string): string => {
  const condition = vmOf(world, name)?.status?.conditions?.find(({ type }) => type === 'Running')
  return condition === undefined ? '' : `${condition.status} ${condition.reason}: ${condition.message}`
}
