import { describe, expect, it } from 'vitest'
import { resolveBlockDevices } from '../../../../agent/controllers/virtualmachine/block-devices.ts'
import { CLUSTER_IMAGES, DISKS, IMAGES } from '../../../../agent/names.ts'
import type { Volume } from '../../../../agent/storage/volumes.ts'
import type { KubeObject, NamespacedName } from '../../../../lib/object.ts'
import { aVm } from '../../../support/objects.ts'

const VOLUME: Volume = { path: '/d/x', format: 'qcow2', backing: [], sizeBytes: 5n, cdrom: false, readonly: false }

interface There {
  readonly resource: string
  readonly namespace?: string
  readonly name: string
  readonly phase?: string
  readonly progress?: string
  readonly deleted?: boolean
  /** Its file is not on this host. */
  readonly lost?: boolean
}

/** A host with these objects; the uid of each is its name with `-uid`. */
function resolve(names: readonly string[], there: readonly There[], attached: readonly string[] = [], holder?: string) {
  const objects = there.map(({ resource, namespace = 'default', name, phase = 'Ready', progress, deleted }) => ({
    resource,
    object: {
      metadata: {
        namespace,
        name,
        uid: `${name}-uid`,
        ...(deleted ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
      },
      status: { phase, progress },
    } as unknown as KubeObject,
  }))
  const of = (resource: string) => objects.filter((one) => one.resource === resource).map(({ object }) => object)
  const reader = {
    get: <T extends KubeObject>(resource: string, { namespace, name }: NamespacedName) =>
      (of(resource).find(({ metadata }) => metadata.name === name && metadata.namespace === namespace) ??
        null) as T | null,
    list: <T extends KubeObject>(resource: string, namespace?: string) =>
      of(resource).filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace) as T[],
  }
  const volume = (readonly: boolean) => async (uid: string) =>
    there.some(({ name, lost }) => `${name}-uid` === uid && !lost) ? { ...VOLUME, readonly } : null
  const blockDeviceRefs = names.map((text) => {
    const [kind = '', name = ''] = text.split('/')
    return { kind: kind as 'VirtualDisk', name }
  })
  const deps = {
    reader,
    volumes: { disk: volume(false), image: volume(true) },
    diskHolder: (_path: string, exceptUid: string) => (exceptUid === 'nobody' ? null : (holder ?? null)),
  }
  return resolveBlockDevices(aVm({ spec: { blockDeviceRefs } }), attached, deps)
}

describe('block devices of a VM', () => {
  it('of each kind, where they live', async () => {
    const found = await resolve(
      ['VirtualDisk/a', 'VirtualImage/b', 'ClusterVirtualImage/c'],
      [
        { resource: DISKS, name: 'a' },
        { resource: DISKS, name: 'a', namespace: 'other' },
        { resource: IMAGES, name: 'b' },
        { resource: CLUSTER_IMAGES, name: 'c', namespace: '' },
      ],
    )
    expect(found.ready.map(({ kind, uid, volume }) => [kind, uid, volume.readonly])).toEqual([
      ['VirtualDisk', 'a-uid', false],
      ['VirtualImage', 'b-uid', true],
      ['ClusterVirtualImage', 'c-uid', true],
    ])
    expect(found.problem).toBeNull()
  })

  const rows: [string, There | null, string][] = [
    ['missing', null, 'VirtualDisk a does not exist'],
    ['in another namespace', { resource: DISKS, name: 'a', namespace: 'other' }, 'VirtualDisk a does not exist'],
    [
      'being made',
      { resource: DISKS, name: 'a', phase: 'Provisioning', progress: '40%' },
      'VirtualDisk a is Provisioning (40%)',
    ],
    ['being deleted', { resource: DISKS, name: 'a', deleted: true }, 'VirtualDisk a is being deleted'],
    ['without a file', { resource: DISKS, name: 'a', lost: true }, 'VirtualDisk a has no file on this host'],
  ]
  it.each(rows)('%s: says so, and the others are ready', async (_title, object, problem) => {
    const found = await resolve(
      ['VirtualDisk/a', 'VirtualDisk/b'],
      [...(object ? [object] : []), { resource: DISKS, name: 'b' }],
    )
    expect(found.problem).toBe(problem)
    expect(found.ready.map(({ name }) => name)).toEqual(['b'])
  })

  it('a disk of another VM is not ready, an image is', async () => {
    const there = [
      { resource: DISKS, name: 'a' },
      { resource: IMAGES, name: 'b' },
    ]
    const found = await resolve(['VirtualDisk/a', 'VirtualImage/b'], there, [], 'default/db')
    expect(found.problem).toBe('VirtualDisk a is in use by the virtual machine default/db')
    expect(found.ready.map(({ name }) => name)).toEqual(['b'])
  })

  it('knows by uid what the domain has besides, and by name what is not ready', async () => {
    const there = [
      { resource: DISKS, name: 'a', deleted: true },
      { resource: DISKS, name: 'gone', lost: true },
      { resource: CLUSTER_IMAGES, name: 'c', namespace: '' },
    ]
    const found = await resolve(['VirtualDisk/a'], there, ['a-uid', 'c-uid', 'gone-uid', 'nobodys-uid'])
    expect(found.known).toEqual([
      { kind: 'VirtualDisk', name: 'a', uid: 'a-uid', sizeBytes: 5n },
      { kind: 'ClusterVirtualImage', name: 'c', uid: 'c-uid', sizeBytes: 5n },
      { kind: 'VirtualDisk', name: 'gone', uid: 'gone-uid', sizeBytes: null },
    ])
  })
})
