import { describe, expect, it } from 'vitest'
import type { Device } from '../../../../agent/controllers/virtualmachine/domain-plan.ts'
import { guessSpec, outsideChanges, overlaid } from '../../../../agent/controllers/virtualmachine/drift.ts'
import type { Observed, ObservedDisk } from '../../../../lib/domain/index.ts'
import { toBytes } from '../../../../lib/quantity.ts'
import { aVm } from '../../../support/objects.ts'

const UID = '22222222-2222-4333-8444-555555555555'
const vm = aVm()
const memory = toBytes(vm.spec.memory.size)
const disk = (over: Partial<ObservedDisk> = {}): ObservedDisk => ({
  target: 'sda',
  bus: 'scsi',
  device: 'disk',
  path: '/d/root.qcow2',
  alias: `ua-${UID}`,
  readonly: false,
  backing: [],
  ...over,
})
const domain = (over: Partial<Observed> = {}): Observed => ({
  name: 'default.web',
  uuid: vm.metadata.uid,
  type: 'qemu',
  machine: 'pc-q35-7.2',
  memoryBytes: memory,
  currentMemoryBytes: memory,
  vcpus: vm.spec.cpu.cores,
  currentVcpus: vm.spec.cpu.cores,
  firmware: 'bios',
  immovable: [],
  onReboot: 'restart',
  disks: [disk(), disk({ alias: 'ua-seed' })],
  nics: [{ mac: '02:00:00:00:00:01', alias: 'ua-main' }],
  ...over,
})

describe('what somebody changed on a running domain', () => {
  it('is nothing when it is as it was made', () => {
    expect(outsideChanges(vm.spec, domain())).toEqual([])
  })

  it('is said of size, disks and interfaces', () => {
    const changed = domain({
      currentMemoryBytes: memory / 2n,
      currentVcpus: 7,
      disks: [disk(), disk({ alias: 'scsi0-0-0-9', target: 'sdx' })],
      nics: [{ mac: '02:00:00:00:00:01', alias: 'ua-main' }, { mac: '02:00:00:00:00:02' }],
    })
    expect(
      outsideChanges(vm.spec, changed).map((words) => words.replace(' (changed from outside of Berth)', '')),
    ).toEqual([
      `it has 7 CPUs instead of ${vm.spec.cpu.cores}`,
      expect.stringMatching(/^it has .* of memory instead of /),
      "it has a disk sdx that is not Berth's",
      "it has a network interface 02:00:00:00:00:02 that is not Berth's",
    ])
  })
})

it('the spec behind a domain without our note is the VM’s, with what can be seen', () => {
  expect(guessSpec(vm, domain())).toEqual(vm.spec)
  expect(guessSpec(vm, domain({ vcpus: 4, memoryBytes: 3n << 30n }))).toMatchObject({
    cpu: { cores: 4 },
    memory: { size: '3Gi' },
  })
})

describe('a disk whose writes go elsewhere', () => {
  const volume = {
    path: '/d/root.qcow2',
    format: 'qcow2',
    backing: [],
    sizeBytes: 1n,
    cdrom: false,
    readonly: false,
  } as const
  const device: Device = { kind: 'VirtualDisk', name: 'root', uid: UID, volume }

  it('is one with a file above ours', () => {
    const snapped = disk({ path: '/tmp/snap.qcow2', backing: ['/d/root.qcow2', '/i/base'] })
    expect(overlaid([snapped], [device])).toContain('VirtualDisk root is written to /tmp/snap.qcow2')
  })

  it('is none that is where it belongs, was moved as a whole, or is not there', () => {
    expect(overlaid([disk()], [device])).toBeNull()
    expect(overlaid([disk({ path: '/elsewhere/root.qcow2', backing: ['/i/base'] })], [device])).toBeNull()
    expect(overlaid([], [device])).toBeNull()
  })
})
