// From what lies on a host to objects: what is taken, what is refused, and that nothing is believed.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, it, onTestFinished } from 'vitest'
import type { DomainView } from '../../../../agent/controllers/virtualmachine/observe.ts'
import { DISKS, STORAGE_CLASSES, VMS } from '../../../../agent/names.ts'
import { type CandidateInputs, candidatesOf } from '../../../../agent/recovery/candidates.ts'
import { refuseLostDatabase } from '../../../../agent/recovery/lost.ts'
import { restoreObjects } from '../../../../agent/recovery/restore-objects.ts'
import { type DiskRecord, decodeRecord, encodeRecord } from '../../../../agent/storage/disk-record.ts'
import { createApiServer } from '../../../../lib/apiserver/index.ts'
import type { BerthMetadata } from '../../../../lib/domain/index.ts'
import { makeFirstObjects } from '../../../../lib/server/first-objects.ts'
import { openSqliteStore } from '../../../../lib/store/sqlite/open.ts'
import { KINDS, type VirtualDisk, type VirtualMachine } from '../../../../schemas/index.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { scratch } from '../../../support/scratch.ts'
import { virtualMachine } from '../../schemas/samples.ts'

const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const CREATED = '2026-01-01T00:00:00Z'

const diskObject = (n: number, name: string, more: object = {}, spec: object = {}) => ({
  apiVersion: 'virtualization.deckhouse.io/v1alpha2',
  kind: 'VirtualDisk',
  metadata: { name, namespace: 'default', uid: uuid(n), creationTimestamp: CREATED, ...more },
  spec: { persistentVolumeClaim: { size: '1Gi', ...spec } },
})

const disk = (n: number, name: string, over: Partial<DiskRecord> = {}): DiskRecord => ({
  uid: uuid(n),
  state: 'ready',
  path: `/s/disks/${uuid(n)}.qcow2`,
  sizeBytes: 1n << 30n,
  base: null,
  shared: false,
  object: diskObject(n, name),
  ...over,
})

function domain(
  n: number,
  name: string,
  over: Partial<BerthMetadata> = {},
  view: Partial<DomainView> = {},
): DomainView {
  const spec = virtualMachine({ blockDeviceRefs: [{ kind: 'VirtualDisk', name }] }).spec
  const metadata: BerthMetadata = {
    namespace: 'default',
    name,
    uid: uuid(n),
    epoch: 0,
    generation: 4,
    specJson: JSON.stringify(spec),
    digest: '',
    stoppedManually: false,
    startedAt: '2026-02-02T00:00:00.123Z',
    ...over,
  }
  const observedDisk = {
    target: 'sda',
    bus: 'scsi',
    device: 'disk',
    alias: `ua-${uuid(1)}`,
    readonly: false,
    backing: [],
  }
  return {
    state: 'running',
    shutoff: 'unknown',
    pause: null,
    persistent: true,
    observed: {
      name: `default.${name}`,
      uuid: uuid(n),
      type: 'qemu',
      machine: 'pc-q35-7.2',
      memoryBytes: 1n,
      currentMemoryBytes: 1n,
      vcpus: 1,
      currentVcpus: 1,
      firmware: 'bios',
      onReboot: 'restart',
      disks: [observedDisk],
      nics: [],
      immovable: [],
      metadata,
    },
    ...view,
  }
}

const inputs = (over: Partial<CandidateInputs>): CandidateInputs => ({
  domains: [],
  disks: [],
  claims: [],
  stored: new Set(),
  damaged: [],
  bootId: 'boot',
  stateDir: '/s',
  userData: new Map(),
  now: Date.parse('2026-03-03T00:00:00Z'),
  ...over,
})

async function door() {
  const clock = new ManualClock()
  const store = await openSqliteStore({ path: join(scratch(), 'berth.db'), clock })
  const log = pino({ level: 'silent' })
  const server = await createApiServer({ store, kinds: KINDS, clock, log, version: '0' })
  onTestFinished(async () => {
    await server.close()
    await store.close()
  })
  await makeFirstObjects(server.resources)
  const restore = (over: Partial<CandidateInputs>) =>
    restoreObjects(candidatesOf(inputs(over)), { store, resources: server.resources })
  const get = async <T>(resource: string, namespace: string, name: string) =>
    (await store.get({ resource, namespace, name }))?.value as T | undefined
  return { store, resources: server.resources, restore, get }
}

const texts = (lines: readonly { readonly outcome: string; readonly text: string }[], outcome: string) =>
  lines.filter((line) => line.outcome === outcome).map(({ text }) => text)

it('a machine and its disk are the ones that they were', async () => {
  const { restore, get } = await door()
  const { lines, present } = await restore({ disks: [disk(1, 'web')], domains: [domain(2, 'web')] })
  expect(texts(lines, 'recovered')).toEqual([
    `VirtualDisk default/web (${uuid(1)})`,
    `VirtualMachine default/web (${uuid(2)})`,
  ])
  expect(lines).toHaveLength(2)
  // The namespace and the default class were made before.
  expect(present).toBe(1)
  const vm = await get<VirtualMachine>(VMS, 'default', 'web')
  expect(vm?.metadata).toMatchObject({ uid: uuid(2), generation: 4, creationTimestamp: '2026-02-02T00:00:00Z' })
  expect(vm?.metadata.finalizers).toEqual(['virtualization.deckhouse.io/vm-cleanup'])
  expect(vm?.status).toMatchObject({
    phase: 'Running',
    blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'web', attached: true }],
    berth: { power: { ran: true, bootId: 'boot' }, machineType: 'pc-q35-7.2' },
  })
  const vd = await get<VirtualDisk>(DISKS, 'default', 'web')
  expect(vd?.metadata).toMatchObject({ uid: uuid(1), creationTimestamp: CREATED })
  expect(vd?.metadata.finalizers).toEqual(['virtualization.deckhouse.io/vd-cleanup'])
})

it('a second run finds all there, also after one that was killed between an object and its status', async () => {
  const { restore, resources, get } = await door()
  const [machine] = candidatesOf(inputs({ domains: [domain(2, 'web')] })).stages[4] ?? []
  if (machine === undefined) throw new Error('no candidate')
  await resources.recreate(VMS, machine.object)
  const { lines, present } = await restore({ disks: [disk(1, 'web')], domains: [domain(2, 'web')] })
  expect(texts(lines, 'recovered')).toEqual([`VirtualDisk default/web (${uuid(1)})`])
  expect(present).toBe(2)
  expect((await get<VirtualMachine>(VMS, 'default', 'web'))?.status?.phase).toBe('Running')
  const again = await restore({ disks: [disk(1, 'web')], domains: [domain(2, 'web')] })
  expect([again.lines, again.present]).toEqual([[], 3])
})

it('one that was stopped by hand stays so; one that is off otherwise is judged as by an agent that was away', async () => {
  const { restore, get } = await door()
  const off = { state: 'shutoff' } as const
  await restore({ domains: [domain(2, 'halted', { stoppedManually: true }, off), domain(3, 'ended', {}, off)] })
  const power = async (name: string) =>
    ((await get<VirtualMachine>(VMS, 'default', name))?.status as { berth?: { power: object } } | undefined)?.berth
      ?.power
  expect(await power('halted')).toEqual({ marker: 'Stopped', by: 'Operation' })
  expect(await power('ended')).toEqual({ ran: true })
})

const evil: readonly (readonly [string, Partial<CandidateInputs>, RegExp])[] = [
  ['a record with the object of another', { disks: [disk(1, 'a', { object: diskObject(9, 'a') })] }, /has another uid/],
  ['a record without an object', { disks: [disk(1, 'a', { object: 'none' })] }, /there is no object in it/],
  [
    'a record of another kind',
    { disks: [disk(1, 'a', { object: { ...diskObject(1, 'a'), kind: 'Secret' } })] },
    /of another kind/,
  ],
  [
    'a disk record with an image',
    { disks: [disk(1, 'a', { object: { ...diskObject(1, 'a'), kind: 'VirtualImage' } })] },
    /is no VirtualDisk/,
  ],
  [
    'a name that no object may have',
    { disks: [disk(1, 'a', { object: diskObject(1, '../../etc') })] },
    /metadata.name/,
  ],
  [
    'a namespace that is none',
    { disks: [disk(1, 'a', { object: diskObject(1, 'a', { namespace: '../x' }) })] },
    /namespace/,
  ],
  [
    'a field that does not exist',
    { disks: [disk(1, 'a', { object: diskObject(1, 'a', {}, { hack: 1 }) })] },
    /unknown field/,
  ],
  ['a size that is none', { disks: [disk(1, 'a', { object: diskObject(1, 'a', {}, { size: 'much' }) })] }, /size/],
  [
    'labels that are none',
    { disks: [disk(1, 'a', { object: diskObject(1, 'a', { labels: { '/': 'x' } }) })] },
    /label/,
  ],
  [
    'a time that is none',
    { disks: [disk(1, 'a', { object: diskObject(1, 'a', { creationTimestamp: 'soon' }) })] },
    /creation time/,
  ],
  [
    'a record that cannot be read',
    { damaged: ['/s/disks/x.json'] },
    /x.json: the record cannot be read, or is not of what it lies beside/,
  ],
  [
    'a domain with the record of another',
    { domains: [domain(2, 'a', { uid: uuid(7) })] },
    /its record is of another machine/,
  ],
  ['a renamed domain', { domains: [domain(2, 'a', { name: 'b' })] }, /its record is of the machine default\/b/],
  ['a spec that is no JSON', { domains: [domain(2, 'a', { specJson: '{' })] }, /is not JSON/],
  ['a spec against the schema', { domains: [domain(2, 'a', { specJson: '{"cpu":{"cores":0}}' })] }, /spec.cpu.cores/],
  ['two disks of one name', { disks: [disk(1, 'a'), disk(2, 'a')] }, /another find has the same/],
]

it.each(evil)('%s is refused in words, and costs nothing else', async (_, over, words) => {
  const { restore } = await door()
  const good = disk(50, 'good')
  const { lines } = await restore({ ...over, disks: [...(over.disks ?? []), good] })
  expect(texts(lines, 'recovered')).toContain(`VirtualDisk default/good (${uuid(50)})`)
  expect(texts(lines, 'refused').join('\n')).toMatch(words)
})

it('an owner that is not there is taken out, so that no garbage collection takes the disk; one that is there stays', async () => {
  const { restore, get } = await door()
  const owner = (name: string, uid: string) => ({
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualMachine',
    name,
    uid,
  })
  const { lines } = await restore({
    disks: [
      disk(1, 'web', { object: diskObject(1, 'web', { ownerReferences: [owner('web', uuid(2))] }) }),
      disk(3, 'orphan', { object: diskObject(3, 'orphan', { ownerReferences: [owner('gone', uuid(9))] }) }),
    ],
    domains: [domain(2, 'web')],
  })
  expect((await get<VirtualDisk>(DISKS, 'default', 'web'))?.metadata.ownerReferences).toHaveLength(1)
  expect((await get<VirtualDisk>(DISKS, 'default', 'orphan'))?.metadata.ownerReferences).toBeUndefined()
  expect(texts(lines, 'lost')).toEqual([
    expect.stringMatching(/orphan .*: its owner VirtualMachine gone was not recovered/),
  ])
})

it('what a machine names and is not there is listed; a storage class is found by the folder of its disks', async () => {
  const { restore, get } = await door()
  const spec = virtualMachine({
    virtualMachineClassName: 'big',
    blockDeviceRefs: [
      { kind: 'VirtualDisk', name: 'fast' },
      { kind: 'VirtualDisk', name: 'lost' },
    ],
    provisioning: { type: 'UserDataRef', userDataRef: { kind: 'Secret', name: 'keys' } },
  }).spec
  const fast = disk(1, 'fast', {
    path: `/mnt/fast/disks/${uuid(1)}.qcow2`,
    object: diskObject(1, 'fast', {}, { storageClassName: 'fast' }),
  })
  const { lines } = await restore({ disks: [fast], domains: [domain(2, 'web', { specJson: JSON.stringify(spec) })] })
  expect(texts(lines, 'missing')).toEqual([
    expect.stringMatching(/^VirtualMachineClass big is not on the host.*default\/web/),
    expect.stringMatching(/^VirtualDisk default\/lost is not/),
    expect.stringMatching(/^Secret default\/keys is not/),
  ])
  expect(await get(STORAGE_CLASSES, '', 'fast')).toMatchObject({
    provisioner: 'berth/dir',
    parameters: { path: '/mnt/fast' },
  })
})

it('user data comes back as text or not at all, never as its digest', async () => {
  const { restore, get } = await door()
  const provisioning = { type: 'UserData', userData: `sha256:${'a'.repeat(64)}` } as const
  const specJson = JSON.stringify(virtualMachine({ provisioning }).spec)
  const { lines } = await restore({
    domains: [domain(2, 'found', { specJson }), domain(3, 'lost', { specJson })],
    userData: new Map([[uuid(2), '#cloud-config\n']]),
  })
  const given = async (name: string) => (await get<VirtualMachine>(VMS, 'default', name))?.spec.provisioning
  expect(await given('found')).toEqual({ type: 'UserData', userData: '#cloud-config\n' })
  expect(await given('lost')).toBeUndefined()
  expect(texts(lines, 'lost')).toEqual([expect.stringMatching(/lost .*: its cloud-init user data is not on the host/)])
})

it('a disk whose deletion had begun does not come back', () => {
  expect(candidatesOf(inputs({ disks: [disk(1, 'a', { state: 'deleting' })] })).stages.flat()).toEqual([])
})

it('an empty database is never put in the place of a lost one', async () => {
  const dir = scratch()
  await refuseLostDatabase(dir)
  mkdirSync(join(dir, 'disks'))
  await refuseLostDatabase(dir)
  writeFileSync(join(dir, 'disks', `${uuid(1)}.json`), '{}')
  await expect(refuseLostDatabase(dir)).rejects.toMatchObject({
    trouble: 'damaged',
    message: expect.stringMatching(/is gone, but .* is the record of a disk.*--rebuild/),
  })
  writeFileSync(join(dir, 'berth.db'), '')
  await expect(refuseLostDatabase(dir)).rejects.toThrow(/is gone/)
  writeFileSync(join(dir, 'berth.db'), 'x')
  await refuseLostDatabase(dir)

  const started = scratch()
  writeFileSync(join(started, 'bootstrapped'), '')
  await expect(refuseLostDatabase(started)).rejects.toThrow(/bootstrapped is there/)
})

it.each([
  ['/etc/shadow'],
  [`/s/../e/disks/${uuid(1)}.qcow2`],
  [`s/disks/${uuid(1)}.qcow2`],
  [`/s/disks/${uuid(2)}.qcow2`],
  [`/s/${uuid(1)}.qcow2`],
])('a record of a disk that names the file %s is damaged: nothing is done to that file', (path) => {
  const good = encodeRecord(disk(1, 'a')) as object
  expect(decodeRecord(good).uid).toBe(uuid(1))
  expect(() => decodeRecord({ ...good, path })).toThrow(/damaged/)
})
