// Block devices that come to and leave a guest while it runs: seen in the guest, in the same QEMU, through a killed agent.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { VirtualDisk, VirtualMachine } from '../../../schemas/index.ts'
import type { GuestConsole } from '../../support/guest-console.ts'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { condition, IMAGE, Space } from '../../support/space.ts'
import { waitFor } from '../../support/wait.ts'

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'hotplug')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

const refs = (...names: readonly string[]) => names.map((name) => ({ kind: 'VirtualDisk' as const, name }))
const setDevices = (vm: string, blockDeviceRefs: readonly object[]) =>
  space.patch('VirtualMachine', vm, { spec: { blockDeviceRefs } })
const entry = (vm: VirtualMachine, name: string) => vm.status?.blockDeviceRefs?.find((one) => one.name === name)
const untilAttached = (vm: string, name: string) =>
  space.until('VirtualMachine', vm, (object) => entry(object, name)?.attached === true)
const untilDetached = (vm: string, name: string) =>
  space.until('VirtualMachine', vm, (object) => entry(object, name) === undefined)
const untilReady = (disk: string) =>
  space.until<VirtualDisk>('VirtualDisk', disk, ({ status }) => status?.phase === 'Ready')

/** The guest's name of a disk, by the serial number that it shows; empty when there is none. */
async function inGuest(console: GuestConsole, disk: string): Promise<string> {
  const { uid } = (await space.get('VirtualDisk', disk)).metadata
  const serial = uid.replaceAll('-', '').slice(0, 20)
  return await console.ask(`grep -l ${serial} /sys/block/*/device/vpd_pg80 | cut -d/ -f4`)
}

it('a disk comes, is written, grows, leaves and goes to another machine; QEMU stays', async () => {
  await space.vm('first')
  await space.disk('data', '16Mi')
  await untilReady('data')
  const console = await space.booted('first')
  const pid = await space.qemuPid('first')

  await setDevices('first', refs('first', 'data'))
  const having = await untilAttached('first', 'data')
  expect(entry(having, 'data')).toEqual({
    kind: 'VirtualDisk',
    name: 'data',
    size: '16Mi',
    attached: true,
    hotplugged: true,
    target: 'sdb',
  })
  await console.see(/GUEST-UEVENT add block sdb/)
  expect(await inGuest(console, 'data')).toBe('sdb')
  await console.ask('echo kept-by-the-disk | dd of=/dev/sdb conv=fsync')

  await space.patch('VirtualDisk', 'data', { spec: { persistentVolumeClaim: { size: '32Mi' } } })
  await console.see(/GUEST-UEVENT change block sdb resize/)
  expect(await console.ask('cat /sys/block/sdb/size')).toBe(String((32 * 1024 * 1024) / 512))

  await setDevices('first', refs('first'))
  const without = await untilDetached('first', 'data')
  expect(condition(without, 'AwaitingRestartToApplyConfiguration').status).toBe('False')
  await console.see(/GUEST-UEVENT remove block sdb/)
  expect(await inGuest(console, 'data')).toBe('')
  expect(await space.qemuPid('first')).toBe(pid)

  await space.vm('second')
  await setDevices('second', refs('second', 'data'))
  await untilAttached('second', 'data')
  const other = await space.booted('second')
  expect(await other.ask(`head -c 16 /dev/${await inGuest(other, 'data')}`)).toBe('kept-by-the-disk')
})
