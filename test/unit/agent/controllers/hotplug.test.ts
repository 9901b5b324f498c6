import { describe, expect, it } from 'vitest'
import type { BlockDeviceRef } from '../../../../agent/controllers/virtualmachine/block-devices.ts'
import type { Device } from '../../../../agent/controllers/virtualmachine/domain-plan.ts'
import {
  type Attempt,
  type HotplugInputs,
  planHotplug,
  RETRY_MS,
} from '../../../../agent/controllers/virtualmachine/hotplug.ts'
import type { LiveDevice } from '../../../../agent/controllers/virtualmachine/live-devices.ts'
import { compareSpecs } from '../../../../schemas/virtualmachine/changes.ts'

const NOW = Date.parse('2026-01-01T00:01:00Z')

/** `b2` is the disk b with the bootOrder 2. */
const ref = (text: string): BlockDeviceRef => {
  const [name = '', order = ''] = text.match(/[a-z]+|\d+/g) ?? []
  return { kind: 'VirtualDisk', name, ...(order === '' ? {} : { bootOrder: Number(order) }) }
}
const refs = (text: string): BlockDeviceRef[] => text.split(' ').filter(Boolean).map(ref)
const uid = (name: string): string => `${name.charCodeAt(0).toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`

/** `sdb:b2` is the disk b at sdb with libvirt's boot order 2. */
function live(text: string): LiveDevice[] {
  return text
    .split(' ')
    .filter(Boolean)
    .map((part) => {
      const [target = '', of = ''] = part.split(':')
      const { name = '', bootOrder } = ref(of)
      const alias = `ua-${uid(name)}`
      const order = bootOrder === undefined ? {} : { bootOrder }
      return { kind: 'VirtualDisk', name, uid: uid(name), sizeBytes: 1n, alias, target, hotplugged: false, ...order }
    })
}

function device(name: string, over: Partial<Device['volume']> = {}): Device {
  const volume = { format: 'qcow2', backing: [], sizeBytes: 1n, cdrom: false, readonly: false } as const
  return { kind: 'VirtualDisk', name, uid: uid(name), volume: { path: `/d/${name}`, ...volume, ...over } }
}

/** What was applied, what is asked for, what libvirt has; every disk of the spec is ready unless told. */
function plan(wanted: string, has: string, over: Partial<HotplugInputs> & { readonly applied?: string } = {}) {
  const { applied, ...rest } = over
  const list = live(has)
  const changes = compareSpecs(
    { blockDeviceRefs: applied === undefined ? list.map(({ kind, name }) => ({ kind, name })) : refs(applied) },
    { blockDeviceRefs: refs(wanted) },
  ).filter(({ action }) => action === 'Restart')
  return planHotplug({
    wanted: refs(wanted),
    changes,
    live: list,
    targets: list.map(({ target }) => target),
    ready: refs(wanted).map((one) => ({ ...device(one.name ?? ''), ...one })) as Device[],
    claim: () => null,
    attempts: new Map(),
    now: NOW,
    ...rest,
  })
}

const told = (hotplug: ReturnType<typeof plan>): string[] =>
  hotplug.steps.map((step) =>
    step.do === 'attach-device'
      ? `+${step.disk.target}:${step.label.split(' ')[1]}${step.disk.bootOrder ?? ''}`
      : `-${step.label.split(' ')[1]}`,
  )

describe('what comes and goes', () => {
  const rows: [string, string, string, string[], Partial<HotplugInputs> & { readonly applied?: string }][] = [
    ['as asked for: nothing', 'a b', 'sda:a1 sdb:b2', [], {}],
    ['one added at the end boots last', 'a b', 'sda:a1', ['+sdb:b2'], {}],
    ['one added in front finds no boot order before the first', 'b a', 'sda:a1', ['+sdb:b'], {}],
    ['one added between two that left room', 'a c b', 'sda:a1 sdb:b3', ['+sdc:c2'], {}],
    ['several at once', 'a b c', 'sda:a1', ['+sdb:b2', '+sdc:c3'], {}],
    ['one removed', 'a', 'sda:a1 sdb:b2', ['-b'], {}],
    ['the first removed', 'b', 'sda:a1 sdb:b2', ['-a'], {}],
    ['its place is used again', 'a c d', 'sda:a1 sdc:c2', ['+sdb:d3'], {}],
    ['one removed, another one added elsewhere', 'c b', 'sda:a1 sdb:b2', [], { applied: 'a b' }],
    ['added before what stays, removed after it', 'c a', 'sda:a1 sdb:b2', ['-b', '+sdc:c'], {}],
    ['a place that a foreign disk has', 'a b', 'sda:a1', ['+sdc:b2'], { targets: ['sda', 'sdb'] }],
    [
      'no boot order that one has which still leaves',
      'a c b',
      'sda:a1 sdd:d2 sdb:b4',
      ['-d', '+sdc:c3'],
      { changes: [] },
    ],
    ['a boot order of the spec puts it first', 'a b1', 'sda:a1', ['+sdb:b'], {}],
    ['not ready: it waits, others come', 'a b c', 'sda:a1', ['+sdb:c2'], { ready: [device('a'), device('c')] }],
    ['attached though no longer ready: it stays', 'a b', 'sda:a1 sdb:b2', [], { ready: [device('a')] }],
  ]
  it.each(rows)('%s', (_title, wanted, has, expected, over) => {
    expect(told(plan(wanted, has, over))).toEqual(expected)
  })

  it('one in the place of another one waits for the restart, and the old one stays', () => {
    const hotplug = plan('a c', 'sda:a1 sdb:b2')
    expect(hotplug).toMatchObject({ steps: [], pending: [], again: null })
  })
  it('comes as it would at a start, but marked', () => {
    const [step] = plan('a i', 'sda:a1', {
      ready: [{ ...device('i', { readonly: true, cdrom: true, format: 'raw' }), kind: 'VirtualDisk' }],
    }).steps
    expect(step).toMatchObject({
      do: 'attach-device',
      disk: {
        device: 'cdrom',
        readonly: true,
        format: 'raw',
        discard: false,
        alias: `ua-hot-${uid('i')}`,
        target: 'sdb',
      },
    })
  })
  it('says where it comes before it is there', () => {
    const hotplug = plan('a b', 'sda:a1')
    expect([...hotplug.coming]).toEqual([[uid('b'), 'sdb']])
    expect(hotplug.pending).toEqual(['VirtualDisk b is being attached'])
    expect([...hotplug.open]).toEqual([uid('b')])
  })
  it('says what is not ready', () => {
    expect(plan('a b', 'sda:a1', { ready: [device('a')] }).pending).toEqual([
      'VirtualDisk b is not ready to be attached',
    ])
  })
})

describe('what it cannot have', () => {
  it('a disk of another VM', () => {
    const hotplug = plan('a b c', 'sda:a1', { claim: ({ name }) => (name === 'b' ? 'ns/other' : null) })
    expect(told(hotplug)).toEqual(['+sdb:c2'])
    expect(hotplug.refused).toEqual(['VirtualDisk b is in use by the virtual machine ns/other'])
    expect(hotplug.coming.has(uid('b'))).toBe(false)
  })
  it('an image is nobody’s', () => {
    const claim = () => 'ns/other'
    expect(told(plan('a i', 'sda:a1', { claim, ready: [device('i', { readonly: true })] }))).toEqual(['+sdb:i2'])
  })
  it('a place when all are taken', () => {
    const targets = Array.from({ length: 25 }, (_, unit) => `sd${String.fromCharCode(97 + unit)}`)
    expect(plan('a b', 'sda:a1', { targets })).toMatchObject({
      steps: [],
      refused: ['VirtualDisk b finds no free place'],
    })
  })
})

describe('devices that would not', () => {
  const tried = (step: Attempt['step'], name: string, over: Partial<Attempt>) =>
    new Map([[uid(name), { step, since: NOW - 60_000, at: NOW, fault: null, ...over }]])

  it('a disk that libvirt refuses is tried again later, and says why', () => {
    const attempts = tried('attach-device', 'b', { fault: 'no lock', at: NOW - 4_000 })
    const waiting = plan('a b', 'sda:a1', { attempts })
    expect(waiting).toMatchObject({ steps: [], again: 6_000 })
    expect(waiting.pending).toEqual(['VirtualDisk b cannot be attached, which is tried again: no lock'])
    expect(waiting.coming.get(uid('b'))).toBe('sdb')
    expect(told(plan('a b', 'sda:a1', { attempts, now: NOW + 6_000 }))).toEqual(['+sdb:b2'])
  })
  it('it keeps no other device waiting', () => {
    const attempts = tried('attach-device', 'b', { fault: 'no lock' })
    const hotplug = plan('a b c', 'sda:a1 sdd:d2', { attempts, changes: [] })
    expect(told(hotplug)).toEqual(['-d', '+sdc:c4'])
    expect(hotplug.again).toBe(RETRY_MS)
  })
  it('one that the guest was asked for is looked at soon', () => {
    const attempts = tried('detach-device', 'b', { since: NOW })
    const hotplug = plan('a', 'sda:a1 sdb:b2', { attempts })
    expect(hotplug).toMatchObject({ steps: [], again: 1_000 })
    expect(hotplug.pending).toEqual(['VirtualDisk b is being detached; the guest is to let go of it'])
  })
  it('one that it does not let go of is asked for again, and says since when', () => {
    const attempts = tried('detach-device', 'b', { at: NOW - RETRY_MS })
    const hotplug = plan('a', 'sda:a1 sdb:b2', { attempts })
    expect(told(hotplug)).toEqual(['-b'])
    expect(hotplug.pending[0]).toContain('since 2026-01-01T00:00:00Z the guest does not let go of it')
  })
  it('one that libvirt keeps says why', () => {
    const attempts = tried('detach-device', 'b', { fault: 'a block job runs' })
    expect(plan('a', 'sda:a1 sdb:b2', { attempts })).toMatchObject({
      steps: [],
      again: RETRY_MS,
      pending: ['VirtualDisk b cannot be detached, which is tried again: a block job runs'],
    })
  })
  it('what was tried the other way does not count', () => {
    expect(told(plan('a b', 'sda:a1', { attempts: tried('detach-device', 'b', {}) }))).toEqual(['+sdb:b2'])
  })
})

describe('the order of booting', () => {
  const rows: [string, string, string, boolean][] = [
    ['as asked for', 'a b', 'sda:a1 sdb:b2', false],
    ['with gaps', 'a b', 'sda:a1 sdb:b5', false],
    ['the last one without an order', 'a b', 'sda:a1 sdb:b', false],
    ['changed', 'b a', 'sda:a1 sdb:b2', true],
    ['changed by bootOrder', 'a b1', 'sda:a1 sdb:b2', true],
    ['one without an order in front', 'b a', 'sda:a1 sdb:b', true],
    ['two without an order', 'a b c', 'sda:a1 sdb:b sdc:c', true],
    ['one is not there', 'b a', 'sda:a1', false],
  ]
  it.each(rows)('%s', (_title, wanted, has, expected) => {
    expect(plan(wanted, has, { changes: [] }).bootsOtherwise).toBe(expected)
  })
})
