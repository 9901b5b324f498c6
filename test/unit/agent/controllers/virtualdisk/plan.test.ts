import { describe, expect, it } from 'vitest'
import type { DiskHave, SourceHave } from '../../../../../agent/controllers/virtualdisk/observe.ts'
import { planDisk } from '../../../../../agent/controllers/virtualdisk/plan.ts'
import { diskStatus } from '../../../../../agent/controllers/virtualdisk/status.ts'
import type { StoredImage } from '../../../../../agent/images/stored.ts'
import type { DiskRecord } from '../../../../../agent/storage/disk-record.ts'
import type { VirtualDisk, VirtualDiskStatus } from '../../../../../schemas/index.ts'

const GIB = 1n << 30n
const stored: StoredImage = {
  digest: 'a'.repeat(64),
  format: 'qcow2',
  sourceFormat: 'qcow2',
  virtualSize: 2n * GIB,
  storedSize: 5n,
  cdrom: false,
}
const record: DiskRecord = {
  uid: 'u',
  state: 'ready',
  path: '/s/disks/u.qcow2',
  sizeBytes: GIB,
  base: null,
  shared: false,
  object: {},
}
const found = { kind: 'found', name: 'dir', folder: '/s', shared: false, waits: false } as const
const waits = { ...found, waits: true } as const
const shared = { ...found, shared: true } as const
const held = { cleanup: true, protection: false }
const blank: DiskHave = {
  deleting: false,
  released: false,
  held,
  disk: null,
  present: false,
  made: null,
  source: { kind: 'blank' },
  storageClass: found,
  wantBytes: GIB,
  users: [],
}
const ready: DiskHave = { ...blank, disk: record, present: true }
const ref = { kind: 'VirtualImage', name: 'base' } as const
const http = (part: Partial<Extract<SourceHave, { kind: 'http' }>>): SourceHave => ({
  kind: 'http',
  claim: 'none',
  image: null,
  import: null,
  ...part,
})
const image = (part: Partial<Extract<SourceHave, { kind: 'image' }>>): SourceHave => ({
  kind: 'image',
  ref,
  found: 'ready',
  phase: 'Ready',
  uid: 'image-uid',
  image: stored,
  ...part,
})
const user = { namespace: 'ns', name: 'vm', named: true, mounted: true, holds: true }
const iso = { ...stored, cdrom: true }
const missing = image({ found: 'missing', phase: '', uid: null, image: null })

const create = (bytes: bigint, base: string | null) => ({ do: 'create', folder: '/s', bytes, base, shared: false })

it('says that a disk waits for a machine', () => {
  const status = diskStatus({
    disk: object,
    before: undefined,
    have: { ...blank, storageClass: waits },
    fault: null,
    now: at(1),
  })
  expect(status.phase).toBe('WaitForFirstConsumer')
  expect(status.conditions).toContainEqual(
    expect.objectContaining({ type: 'Ready', status: 'False', reason: 'WaitingForFirstConsumer' }),
  )
})

describe('planDisk', () => {
  const rows: readonly [string, DiskHave, readonly object[]][] = [
    [
      'new: take hold first',
      { ...blank, held: { cleanup: false, protection: false } },
      [{ do: 'hold' }, create(GIB, null)],
    ],
    ['blank', blank, [create(GIB, null)]],
    ['blank without a size: nothing says how large', { ...blank, wantBytes: null }, []],
    ['no storage class', { ...blank, storageClass: { kind: 'missing', name: 'x' } }, []],
    ['no default class', { ...blank, storageClass: { kind: 'no-default' } }, []],
    ['image: its size', { ...blank, source: image({}), wantBytes: null }, [create(2n * GIB, stored.digest)]],
    ['image: a larger size', { ...blank, source: image({}), wantBytes: 5n * GIB }, [create(5n * GIB, stored.digest)]],
    ['image: too small a size', { ...blank, source: image({}) }, []],
    ['image: an ISO', { ...blank, source: image({ image: iso }), wantBytes: null }, []],
    ['image missing', { ...blank, source: missing }, []],
    ['image not ready', { ...blank, source: image({ found: 'not-ready', image: null }) }, []],
    ['HTTP: import', { ...blank, source: http({}) }, [{ do: 'import' }]],
    [
      'HTTP: imported',
      { ...blank, source: http({ claim: 'fits', image: stored }), wantBytes: null },
      [create(2n * GIB, stored.digest)],
    ],
    ['HTTP: the import is gone', { ...blank, source: http({ claim: 'fits' }) }, [{ do: 'release' }, { do: 'import' }]],
    [
      'HTTP: imported from elsewhere',
      { ...blank, source: http({ claim: 'other-source' }) },
      [{ do: 'release' }, { do: 'import' }],
    ],
    ['a source that is not built', { ...blank, source: { kind: 'unknown', type: 'Upload' } }, []],
    ['ready', ready, [{ do: 'record' }]],
    ['ready, its image long gone', { ...ready, source: missing }, [{ do: 'record' }]],
    ['ready, its class gone', { ...ready, storageClass: { kind: 'missing', name: 'x' } }, [{ do: 'record' }]],
    ['larger', { ...ready, wantBytes: 2n * GIB }, [{ do: 'record' }, { do: 'grow', bytes: 2n * GIB, inUse: false }]],
    ['smaller: never', { ...ready, wantBytes: 1n }, [{ do: 'record' }]],
    [
      'larger while a VM has it',
      { ...ready, wantBytes: 2n * GIB, users: [user], held: { cleanup: true, protection: true } },
      [{ do: 'record' }, { do: 'grow', bytes: 2n * GIB, inUse: true }],
    ],
    ['lost: left alone', { ...ready, present: false, wantBytes: 2n * GIB }, []],
    ['used: protect', { ...ready, users: [user] }, [{ do: 'protect' }, { do: 'record' }]],
    ['used no more', { ...ready, held: { cleanup: true, protection: true } }, [{ do: 'unprotect' }, { do: 'record' }]],
    [
      'named by a stopped VM: not held',
      { ...ready, users: [{ ...user, mounted: false, holds: false }] },
      [{ do: 'record' }],
    ],
    [
      'deleted',
      { ...ready, deleting: true },
      ['end-import', 'remove', 'release', 'let-go'].map((one) => ({ do: one })),
    ],
    ['waits for a machine', { ...blank, storageClass: waits }, []],
    [
      'a machine names it',
      { ...blank, storageClass: waits, users: [{ ...user, holds: false, mounted: false }] },
      [create(GIB, null)],
    ],
    ['there is one of a class that waits', { ...ready, storageClass: waits }, [{ do: 'record' }]],
    [
      'shared: whole by itself',
      { ...blank, storageClass: shared, source: image({}), wantBytes: null },
      [{ ...create(2n * GIB, stored.digest), shared: true }],
    ],
    [
      'shared, made on another host',
      { ...blank, storageClass: shared, made: 'root.qcow2' },
      [{ do: 'adopt', folder: '/s' }],
    ],
    ['made once and lost', { ...blank, made: 'root.qcow2' }, []],
    [
      'shared, and another host has it now',
      { ...ready, disk: { ...record, shared: true }, deleting: true, released: true },
      ['end-import', 'forget', 'remove', 'release', 'let-go'].map((one) => ({ do: one })),
    ],
    [
      'only begun, perhaps in a shared folder, and another host has it now',
      { ...blank, deleting: true, released: true },
      ['end-import', 'forget', 'remove', 'release', 'let-go'].map((one) => ({ do: one })),
    ],
    [
      'local, and another host has it now',
      { ...ready, deleting: true, released: true },
      ['end-import', 'forget', 'remove', 'release', 'let-go'].map((one) => ({ do: one })),
    ],
    [
      'shared and deleted',
      { ...ready, disk: { ...record, shared: true }, deleting: true },
      ['end-import', 'remove', 'release', 'let-go'].map((one) => ({ do: one })),
    ],
    ['deleted but held', { ...ready, deleting: true, users: [user] }, []],
  ]
  for (const [title, have, steps] of rows) it(title, () => expect(planDisk(have)).toEqual(steps))
})

const CREATED = '2026-01-01T00:00:00Z'
const at = (seconds: number) => Date.parse(CREATED) + seconds * 1000
const object: VirtualDisk = {
  apiVersion: 'virtualization.deckhouse.io/v1alpha2',
  kind: 'VirtualDisk',
  metadata: { name: 'd', namespace: 'ns', uid: 'u', resourceVersion: '1', generation: 2, creationTimestamp: CREATED },
  spec: {},
}
const say = (have: DiskHave, before?: VirtualDiskStatus, now = at(10), fault: string | null = null) =>
  diskStatus({ disk: object, before, have, fault, now })
const find = (status: VirtualDiskStatus, type: string) =>
  status.conditions?.find((condition) => condition.type === type)

describe('diskStatus', () => {
  const rows: readonly [string, DiskHave, string, string, string, string][] = [
    ['in the making', blank, 'Provisioning', 'Provisioning', 'True DatasourceReady', 'True StorageClassReady'],
    ['ready', ready, 'Ready', 'Ready', 'True DatasourceReady', 'True StorageClassReady'],
    ['lost', { ...ready, present: false }, 'PVCLost', 'PVCLost', 'True DatasourceReady', 'True StorageClassReady'],
    [
      'growing',
      { ...ready, wantBytes: 2n * GIB },
      'Resizing',
      'Ready',
      'True DatasourceReady',
      'True StorageClassReady',
    ],
    [
      'no class',
      { ...blank, storageClass: { kind: 'missing', name: 'x' } },
      'Pending',
      'StorageClassIsNotReady',
      'True DatasourceReady',
      'False StorageClassNotReady',
    ],
    [
      'image missing',
      { ...blank, source: missing },
      'Pending',
      'DatasourceIsNotFound',
      'False ImageNotFound',
      'True StorageClassReady',
    ],
    [
      'image not ready',
      { ...blank, source: image({ found: 'not-ready', phase: 'Pending', image: null }) },
      'Pending',
      'DatasourceIsNotReady',
      'False ImageNotReady',
      'True StorageClassReady',
    ],
    [
      'cluster image missing',
      { ...blank, source: image({ ...missing, ref: { kind: 'ClusterVirtualImage', name: 'x' } } as never) },
      'Pending',
      'DatasourceIsNotFound',
      'False ClusterImageNotFound',
      'True StorageClassReady',
    ],
    [
      'too small',
      { ...blank, source: image({}) },
      'Failed',
      'ProvisioningFailed',
      'True DatasourceReady',
      'True StorageClassReady',
    ],
    [
      'not built',
      { ...blank, source: { kind: 'unknown', type: 'Upload' } },
      'Failed',
      'ProvisioningFailed',
      'False ImageNotReady',
      'True StorageClassReady',
    ],
    ['deleted', { ...ready, deleting: true }, 'Terminating', 'Ready', 'True DatasourceReady', 'True StorageClassReady'],
  ]
  for (const [title, have, phase, reason, source, storageClass] of rows) {
    it(title, () => {
      const status = say(have)
      expect(status.phase).toBe(phase)
      expect(find(status, 'Ready')?.reason).toBe(reason)
      const short = (type: string) => `${find(status, type)?.status} ${find(status, type)?.reason}`
      expect(short('DatasourceReady')).toBe(source)
      expect(short('StorageClassReady')).toBe(storageClass)
    })
  }

  it('a fault of the pass is said where it belongs', () => {
    expect(find(say(blank, undefined, at(1), 'disk full'), 'Ready')).toMatchObject({
      reason: 'ProvisioningFailed',
      message: 'disk full',
    })
    expect(find(say({ ...ready, wantBytes: 2n * GIB }, undefined, at(1), 'lock'), 'Resizing')?.message).toBe('lock')
    expect(find(say({ ...ready, deleting: true }, undefined, at(1), 'busy'), 'Terminating')?.message).toBe('busy')
  })

  it('shows the volume, and whose it is', () => {
    expect(say({ ...ready, users: [user] })).toMatchObject({
      capacity: '1Gi',
      storageClassName: 'dir',
      target: { persistentVolumeClaimName: 'u.qcow2' },
      attachedToVirtualMachines: [{ name: 'vm', mounted: true }],
    })
  })

  it('names the image that it was made from, not a later one of that name', () => {
    const made = { ...ready, disk: { ...record, base: stored.digest } }
    const before = say({ ...made, source: image({}) })
    expect(before.sourceUID).toBe('image-uid')
    const later = image({ uid: 'other', image: { ...stored, digest: 'b'.repeat(64) } })
    expect(say({ ...made, source: later }, before).sourceUID).toBe('image-uid')
  })

  it('counts the time that it took, once', () => {
    const waiting = say({ ...blank, source: missing }, undefined, at(2))
    expect(waiting.stats?.creationDuration).toEqual({})
    const there = say({ ...blank, source: image({}), wantBytes: null }, waiting, at(30))
    expect(there.stats?.creationDuration).toEqual({ waitingForDependencies: '30s' })
    const done = say({ ...ready, source: image({}) }, there, at(95))
    expect(done.stats?.creationDuration).toEqual({ waitingForDependencies: '30s', totalProvisioning: '1m35s' })
    expect(say({ ...ready, source: image({}) }, done, at(9_999))).toEqual(done)
  })
})

it('a disk that was made once and has no record any more is lost, and never made anew as an empty one', () => {
  const lost = { ...blank, made: 'root.qcow2' }
  expect(planDisk(lost)).toEqual([])
  const disk = { metadata: { generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' }, spec: {} } as VirtualDisk
  const status = diskStatus({ disk, before: { phase: 'Ready' } as VirtualDiskStatus, have: lost, fault: null, now: 0 })
  expect(status.phase).toBe('PVCLost')
  expect(status.conditions?.find(({ type }) => type === 'Ready')?.message).toMatch(/is not made anew as an empty one/)
})
