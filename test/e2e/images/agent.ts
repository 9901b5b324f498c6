// The storage side of an agent over a real store, without libvirt; it can be ended hard and begun again on the same folder.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { openCluster } from '../../../agent/cluster/index.ts'
import { toConfig } from '../../../agent/config.ts'
import { STORAGE_INDEXES } from '../../../agent/controllers/virtualdisk/users.ts'
import type { AgentCore } from '../../../agent/core.ts'
import { Membership } from '../../../agent/membership/membership.ts'
import { AGENT_METRICS } from '../../../agent/metrics/catalogue.ts'
import { PeerSilent } from '../../../agent/migration/peers.ts'
import { NAMESPACES, STORAGE_CLASSES } from '../../../agent/names.ts'
import { NO_SEAMS } from '../../../agent/seams.ts'
import type { Storage } from '../../../agent/storage/index.ts'
import { createStorageSide } from '../../../agent/storage-controllers.ts'
import { INDEXES } from '../../../agent/wiring.ts'
import type { NewObject, Resources } from '../../../lib/apiserver/resources.ts'
import { createApiServer } from '../../../lib/apiserver/server.ts'
import { systemClock } from '../../../lib/clock.ts'
import { EventRecorder } from '../../../lib/controllers/event-recorder.ts'
import { isApiError } from '../../../lib/errors.ts'
import { LibvirtPool } from '../../../lib/libvirt/index.ts'
import { Metrics } from '../../../lib/metrics/metrics.ts'
import type { KubeObject } from '../../../lib/object.ts'
import { Cache } from '../../../lib/reconcile/cache.ts'
import { ControllerMetrics } from '../../../lib/reconcile/metrics.ts'
import { openSqliteStore } from '../../../lib/store/sqlite/open.ts'
import { AGENT_KINDS, type StorageClass } from '../../../schemas/index.ts'

export interface TestAgent {
  readonly stateDir: string
  readonly resources: Resources
  readonly storage: Storage
  readonly reader: Cache
  readonly logged: string[]
  /** Waits until the object is as wanted and returns it; fails with its last status. */
  until<T extends KubeObject>(
    resource: string,
    name: string,
    wanted: (object: T) => boolean,
    timeoutMs?: number,
  ): Promise<T>
  /** Waits until the object is gone. */
  gone(resource: string, name: string): Promise<void>
  stop(): Promise<void>
}

export interface TestAgentOptions {
  readonly stateDir: string
  readonly importer?: Readonly<Record<string, unknown>>
}

export const NAMESPACE = 'default'
const CLUSTER_SCOPED = ['clustervirtualimages.virtualization.deckhouse.io', STORAGE_CLASSES]

export const nameIn = (resource: string, name: string) => ({
  namespace: CLUSTER_SCOPED.includes(resource) ? '' : NAMESPACE,
  name,
})

export async function startAgent({ stateDir, importer = {} }: TestAgentOptions): Promise<TestAgent> {
  await mkdir(stateDir, { recursive: true })
  const logged: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) })
  const clock = systemClock
  const config = toConfig({ stateDir, importer: { stallTimeoutSeconds: 15, totalTimeoutSeconds: 60, ...importer } })
  const store = await openSqliteStore({ path: join(stateDir, 'berth.db') })
  const reader = new Cache({
    store,
    resources: AGENT_KINDS.map(({ resource }) => resource),
    indexes: { ...INDEXES, ...STORAGE_INDEXES },
  })
  await reader.start()
  const server = await createApiServer({ store, kinds: AGENT_KINDS, clock, log, version: '0.0.0' })
  const { resources } = server
  const events = new EventRecorder({ reader, resources, clock, log, component: 'test', instance: 'test' })
  // Never connected: no VM runs here, so nothing is asked of it.
  const libvirt = new LibvirtPool({ socketPath: join(stateDir, 'no-libvirt'), uri: 'qemu:///system' })
  const { onFileStep } = NO_SEAMS
  const metrics = new Metrics({ clock, log, catalogue: AGENT_METRICS })
  const observer = new ControllerMetrics(metrics)
  const host = () => {
    throw new Error('no host was surveyed: no machine runs here')
  }
  const cluster = await openCluster({
    config,
    reader,
    storeId: store.id,
    clock,
    log,
    events,
    host,
    membership: () => null,
  })
  const membership = await Membership.open({
    config,
    version: '0.0.0',
    clock,
    log,
    holds: () => null,
    onJoining: async () => undefined,
    onLeft: async () => undefined,
  })
  const core: AgentCore = {
    config,
    cluster,
    peerTls: () => null,
    peers: { ask: () => Promise.reject(new PeerSilent('there is no other host')) },
    membership,
    log,
    clock,
    reader,
    resources,
    events,
    libvirt,
    onFileStep,
    metrics,
    observer,
  }
  await createOnce(resources, NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } })
  await createOnce<StorageClass>(resources, STORAGE_CLASSES, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'dir', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'berth/dir',
  })
  const { storage, controllers } = await createStorageSide(core)
  for (const controller of controllers) controller.start()

  const until = async <T extends KubeObject>(
    resource: string,
    name: string,
    wanted: (object: T) => boolean,
    timeoutMs = 60_000,
  ): Promise<T> => {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      const object = reader.get<T>(resource, nameIn(resource, name))
      if (object !== null && wanted(object)) return object
      if (Date.now() > deadline) throw new Error(`${name}: ${JSON.stringify(object?.status ?? object, null, 1)}`)
      await clock.sleep(20)
    }
  }
  return {
    stateDir,
    resources,
    storage,
    reader,
    logged,
    until,
    gone: async (resource, name) => {
      const deadline = Date.now() + 60_000
      while (reader.get(resource, nameIn(resource, name)) !== null) {
        if (Date.now() > deadline) {
          throw new Error(`${name} is still there: ${JSON.stringify(reader.get(resource, nameIn(resource, name)))}`)
        }
        await clock.sleep(20)
      }
    },
    stop: async () => {
      await Promise.all(controllers.map((controller) => controller.stop()))
      await storage.imports.stop()
      await events.stop()
      await server.close()
      await libvirt.close()
      reader.stop()
      await store.close()
    },
  }
}

async function createOnce<T extends KubeObject>(resources: Resources, resource: string, object: NewObject<T>) {
  try {
    await resources.create<T>(resource, object)
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) throw error
  }
}
