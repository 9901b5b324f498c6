import { expect, it } from 'vitest'
import { migratable } from '../../../../../agent/controllers/virtualmachine/migratable.ts'
import { observeDomain } from '../../../../../lib/domain/index.ts'

const UID = '11111111-2222-4333-8444-555555555555'
const OURS = `<disk type='file' device='disk'><source file='/var/lib/berth/disks/${UID}.qcow2'/><target dev='sda' bus='scsi'/></disk>`
const EMPTY = "<disk type='file' device='cdrom'><target dev='sdb' bus='scsi'/></disk>"
const judge = (devices: string) =>
  migratable(observeDomain(`<domain type='qemu'><name>web</name><devices>${devices}</devices></domain>`))

it('a machine as we make it can be moved', () => {
  expect(judge(OURS + EMPTY)).toEqual([{ type: 'Migratable', status: 'True', reason: 'VirtualMachineMigratable' }, ''])
})

it('one with an emulated TPM can: what it keeps goes along', () => {
  const [state] = judge(
    `${OURS}<tpm model='tpm-crb'><backend type='emulator' version='2.0' persistent_state='yes'/></tpm>`,
  )
  expect(state).toMatchObject({ status: 'True' })
})

it.each([
  [
    "<tpm model='tpm-tis'><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm>",
    /^it has a TPM of this host$/,
  ],
  ["<hostdev mode='subsystem' type='pci'/><hostdev mode='subsystem' type='usb'/>", /^it has a device of this host$/],
  ["<filesystem type='mount'/><tpm model='tpm-tis'/>", /^it has a folder of this host and a TPM of this host$/],
])('one with %s cannot, and says why', (device, words) => {
  const [state, message] = judge(OURS + device)
  expect(state).toMatchObject({ status: 'False', reason: 'VirtualMachineHostDevicesNotMigratable' })
  expect(message).toMatch(words)
})

it.each([
  [
    "<disk type='file' device='disk'><source file='/home/x/data.img'/><target dev='vdb'/></disk>",
    /vdb \(\/home\/x\/data.img\)/,
  ],
  ["<disk type='block' device='disk'><source dev='/dev/sdz'/><target dev='vdc'/></disk>", /vdc \(\/dev\/sdz\)/],
])('one with a disk that no other host knows cannot', (disk, words) => {
  const [state, message] = judge(OURS + disk)
  expect(state).toMatchObject({ status: 'False', reason: 'VirtualMachineDisksNotMigratable' })
  expect(message).toMatch(words)
})
