// Which host is looked at anew when a machine comes to it.
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import type { KubeObject } from '../../../lib/object.ts'
import { Cache } from '../../../lib/reconcile/cache.ts'
import { openSqliteStore } from '../../../lib/store/sqlite/open.ts'
import { CLUSTER_INDEXES } from '../../../scheduler/indexes.ts'
import { type Sleepers, wake } from '../../../scheduler/wake.ts'
import { KINDS } from '../../../schemas/index.ts'
import { CLUSTER_IMAGES, VMS } from '../../../schemas/resources.ts'
import { scratch } from '../../support/scratch.ts'

const objectOf = (kind: string, name: string, namespace: string | undefined, rest: object): KubeObject =>
  ({
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid: `uid-${name}`,
      resourceVersion: '',
      creationTimestamp: '2026-01-01T00:00:00Z',
      generation: 1,
    },
    ...rest,
  }) as KubeObject

/** @param roles of h1 and h2 in the image's binding there; undefined: there is none */
async function imageLooks(roles: Readonly<Record<string, string | undefined>>) {
  const store = await openSqliteStore({ path: join(scratch(), 'berth.db') })
  const reader = new Cache({ store, resources: KINDS.map(({ resource }) => resource), indexes: CLUSTER_INDEXES })
  const looks: string[] = []
  const quiet = { enqueue: () => undefined }
  const agents = {
    holders: () => [],
    view: (node: string) => ({
      binding: (uid: string) => (uid === 'uid-base' && roles[node] ? { spec: { role: roles[node] } } : null),
    }),
  } as unknown as Sleepers['agents']
  const binder = {
    wanting: () => [],
    enqueue: (node: string, resource: string) => void (resource === CLUSTER_IMAGES && looks.push(node)),
  }
  await store.create(
    { resource: CLUSTER_IMAGES, namespace: '', name: 'base' },
    objectOf('ClusterVirtualImage', 'base', undefined, { spec: {} }),
  )
  await reader.start()
  const end = wake({ reader, binder, agents, machines: quiet, mirror: quiet, power: quiet, releases: new Map() })
  onTestFinished(async () => {
    end()
    reader.stop()
    await store.close()
  })
  const blockDeviceRefs = [{ kind: 'ClusterVirtualImage', name: 'base' }]
  for (const node of ['h1', 'h2']) {
    const status = { berth: { placement: { node, epoch: 1, since: '' } } }
    const vm = objectOf('VirtualMachine', `vm-${node}`, 'default', { spec: { blockDeviceRefs }, status })
    await store.create({ resource: VMS, namespace: 'default', name: `vm-${node}` }, vm)
  }
  return looks
}

it('looks for the image at a host that has none of it, or has let it go, and not at one that has it', async () => {
  expect(await imageLooks({ h1: 'Owner', h2: undefined })).toEqual(['h2'])
  expect(await imageLooks({ h1: 'Released', h2: 'Owner' })).toEqual(['h1'])
})
