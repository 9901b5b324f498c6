// A server without HTTP for tests of controllers: real store, real cache, real API rules.
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { Core } from '../../../../lib/apiserver/core/core.ts'
import { CoreResources } from '../../../../lib/apiserver/core/resources.ts'
import { Registry } from '../../../../lib/apiserver/registry.ts'
import type { Resources } from '../../../../lib/apiserver/resources.ts'
import { type Clock, systemClock } from '../../../../lib/clock.ts'
import { ownerIndexes } from '../../../../lib/controllers/owners.ts'
import type { KubeObject, OwnerReference } from '../../../../lib/object.ts'
import { Cache, type IndexFunction } from '../../../../lib/reconcile/cache.ts'
import { type ReconcileLog, silentLog } from '../../../../lib/reconcile/log.ts'
import { openSqliteStore } from '../../../../lib/store/sqlite/open.ts'
import type { Store } from '../../../../lib/store/store.ts'
import { AGENT_KINDS } from '../../../../schemas/index.ts'
import { scratch } from '../../../support/scratch.ts'

export const SECRETS = 'secrets'
export const DISKS = 'virtualdisks.virtualization.deckhouse.io'
export const NODES = 'nodes'

export interface World {
  readonly store: Store
  readonly reader: Cache
  readonly resources: Resources
  readonly clock: Clock
  readonly log: ReconcileLog
  /** Registers what must stop before the store closes. */
  readonly run: (controller: { start(): void; stop(): Promise<unknown> }) => void
  /** Stops everything, as the end of a process does. */
  readonly end: () => Promise<void>
}

/** Opens the world whose database is in `dir`; several in a row are restarts of one server. */
export async function openWorld(
  dir = scratch(),
  clock: Clock = systemClock,
  indexes: Readonly<Record<string, IndexFunction>> = {},
): Promise<World> {
  const store = await openSqliteStore({ path: join(dir, 'berth.db') })
  const reader = new Cache({
    store,
    resources: AGENT_KINDS.map(({ resource }) => resource),
    indexes: { ...ownerIndexes(AGENT_KINDS), ...indexes },
  })
  await reader.start()
  const core: Core = {
    store,
    registry: new Registry(AGENT_KINDS),
    clock,
    component: 'test',
    guards: [],
    admission: [],
    completions: [],
    resources: new CoreResources(() => core),
  }
  const { resources } = core
  for (const name of ['default', 'work']) {
    if (reader.get('namespaces', { namespace: '', name }) !== null) continue
    await resources.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  }
  const running: { stop(): Promise<unknown> }[] = []
  const end = async () => {
    await Promise.all(running.splice(0).map((controller) => controller.stop()))
    reader.stop()
    await store.close()
  }
  onTestFinished(end)
  return {
    store,
    reader,
    resources,
    clock,
    log: silentLog,
    run: (controller) => {
      running.push(controller)
      controller.start()
    },
    end,
  }
}

interface Wish {
  readonly namespace?: string
  readonly owners?: readonly OwnerReference[]
  readonly finalizers?: readonly string[]
}

export const secret = ({ resources }: World, name: string, { namespace = 'work', owners, finalizers }: Wish = {}) =>
  resources.create(SECRETS, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      namespace,
      ...(owners === undefined ? {} : { ownerReferences: owners }),
      ...(finalizers === undefined ? {} : { finalizers }),
    },
  })

export const disk = ({ resources }: World, name: string, { namespace = 'work', finalizers }: Wish = {}) =>
  resources.create(DISKS, {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualDisk',
    metadata: { name, namespace, ...(finalizers === undefined ? {} : { finalizers }) },
    spec: { persistentVolumeClaim: { size: '1Gi' } },
  })

/** A reference to that owner. */
export const ref = (owner: KubeObject, more: Partial<OwnerReference> = {}): OwnerReference => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid,
  ...more,
})

/** Names of all that is there of a resource, in all namespaces. */
export const namesOf = ({ reader }: World, resource = SECRETS): readonly string[] =>
  reader.list(resource).map(({ metadata }) => metadata.name)

/** What becomes true soon, on a busy machine too. */
export const soon = <T>(look: () => T) => expect.poll(look, { timeout: 8_000, interval: 10 })
