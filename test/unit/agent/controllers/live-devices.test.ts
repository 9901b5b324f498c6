import { describe, expect, it } from 'vitest'
import type { BlockDeviceRef, KnownDevice } from '../../../../agent/controllers/virtualmachine/block-devices.ts'
import { deviceStatus } from '../../../../agent/controllers/virtualmachine/device-status.ts'
import {
  attachedUids,
  currentRefs,
  type LiveDevice,
  liveDevices,
} from '../../../../agent/controllers/virtualmachine/live-devices.ts'
import type { ObservedDisk } from '../../../../lib/domain/index.ts'

const UID = '22222222-2222-4333-8444-555555555555'
const OTHER = '33333333-2222-4333-8444-555555555555'
const known = (name: string, uid: string, over: Partial<KnownDevice> = {}): KnownDevice => ({
  kind: 'VirtualDisk',
  name,
  uid,
  sizeBytes: 1_048_576n,
  ...over,
})
const disk = (alias: string, target: string, over: Partial<ObservedDisk> = {}): ObservedDisk => ({
  alias,
  target,
  bus: 'scsi',
  device: 'disk',
  readonly: false,
  backing: [],
  path: '/same',
  ...over,
})

describe('what a domain has', () => {
  it('is told by alias, and whether it came while the domain ran', () => {
    const disks = [disk(`ua-${UID}`, 'sda', { bootOrder: 1 }), disk(`ua-hot-${OTHER}`, 'sdb')]
    expect(attachedUids(disks)).toEqual([UID, OTHER])
    expect(liveDevices(disks, [known('a', UID), known('b', OTHER, { kind: 'VirtualImage' })])).toEqual([
      { ...known('a', UID), alias: `ua-${UID}`, target: 'sda', bootOrder: 1, hotplugged: false },
      { ...known('b', OTHER, { kind: 'VirtualImage' }), alias: `ua-hot-${OTHER}`, target: 'sdb', hotplugged: true },
    ])
  })
  it('leaves out the seed, foreign disks and those whose object is gone', () => {
    const { alias: _none, ...nameless } = disk('', 'sdc')
    const disks = [disk('ua-seed', 'sdz'), disk('ua-theirs', 'sdb'), nameless, disk(`ua-${OTHER}`, 'sdd')]
    expect(attachedUids(disks)).toEqual([OTHER])
    expect(liveDevices(disks, [known('a', UID)])).toEqual([])
  })
})

const refs = (text: string): BlockDeviceRef[] =>
  text
    .split(' ')
    .filter(Boolean)
    .map((name) => ({ kind: 'VirtualDisk', name }))
const live = (text: string): LiveDevice[] =>
  refs(text).map(({ name = '' }, index) => ({
    ...known(name, `${name}-uid`),
    alias: `ua-${name}`,
    target: `sd${'abcdefgh'[index]}`,
    hotplugged: index > 0,
  }))

describe('the block devices that it is made of by now', () => {
  const rows: [string, string, string, string, string][] = [
    ['nothing changed', 'a b', 'a b', 'a b', 'a b'],
    ['added and there', 'a', 'a b', 'a b', 'a b'],
    ['added, not there yet', 'a', 'a b', 'a', 'a'],
    ['added in front', 'a', 'b a', 'a b', 'b a'],
    ['removed, still there', 'a b', 'a', 'a b', 'a b'],
    ['removed and gone', 'a b', 'a', 'a', 'a'],
    ['the first removed, still there', 'a b', 'b', 'a b', 'a b'],
    ['the middle one removed, still there', 'a b c', 'a c', 'a b c', 'a b c'],
    ['replaced', 'a b', 'a c', 'a b', 'a b'],
    ['replaced, others added', 'a b', 'a c d', 'a b d', 'a b d'],
    ['moved', 'a b', 'b a', 'a b', 'b a'],
    ['attached, never recorded, no longer wanted', 'a', 'a', 'a b', 'a b'],
    ['all of it gone', 'a', 'b', '', ''],
  ]
  it.each(rows)('%s', (_title, applied, wanted, has, expected) => {
    expect(
      currentRefs(refs(applied), refs(wanted), live(has))
        .map(({ name }) => name)
        .join(' '),
    ).toBe(expected)
  })
  it('takes the boot order that is asked for', () => {
    const [ref] = currentRefs(refs('a'), [{ kind: 'VirtualDisk', name: 'a', bootOrder: 3 }], live('a'))
    expect(ref).toEqual({ kind: 'VirtualDisk', name: 'a', bootOrder: 3 })
  })
})

describe('the status of block devices', () => {
  const inputs = { known: [known('a', 'a-uid'), known('b', 'b-uid')], live: live('a b'), coming: new Map(), before: [] }
  it('tells of each where it is and how it came, in the order of the spec', () => {
    expect(
      deviceStatus({ ...inputs, wanted: [{ kind: 'VirtualDisk', name: 'b', bootOrder: 1 }, ...refs('a')] }),
    ).toEqual([
      { kind: 'VirtualDisk', name: 'b', size: '1Mi', attached: true, hotplugged: true, target: 'sdb', bootOrder: 1 },
      { kind: 'VirtualDisk', name: 'a', size: '1Mi', attached: true, target: 'sda' },
    ])
  })
  it('lists what the spec no longer names as long as it is there', () => {
    expect(deviceStatus({ ...inputs, wanted: refs('a') })[1]).toMatchObject({
      name: 'b',
      attached: true,
      target: 'sdb',
    })
    expect(deviceStatus({ ...inputs, live: live('a'), wanted: refs('a') })).toHaveLength(1)
  })
  it('gives a place to what comes, none to what waits', () => {
    const coming = new Map([['b-uid', 'sdc']])
    expect(deviceStatus({ ...inputs, live: live('a'), coming, wanted: refs('a b c') }).slice(1)).toEqual([
      { kind: 'VirtualDisk', name: 'b', size: '1Mi', attached: false, target: 'sdc' },
      { kind: 'VirtualDisk', name: 'c', size: '', attached: false },
    ])
  })
  it('keeps the size of a device that is not readable now', () => {
    const before = deviceStatus({ ...inputs, wanted: refs('a') })
    const lost = [known('a', 'a-uid', { sizeBytes: null })]
    expect(deviceStatus({ ...inputs, known: lost, live: live('a'), before, wanted: refs('a') })).toMatchObject([
      { name: 'a', size: '1Mi', attached: true },
    ])
  })
})
