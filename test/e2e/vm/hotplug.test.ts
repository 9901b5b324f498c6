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

it('a killed agent goes on: what was asked for is attached, what is there is seen, what is unwanted leaves', async () => {
  const { host } = space
  await space.bareVm('killed')
  await Promise.all(['one', 'two'].map((name) => space.disk(name, '1Mi')))
  await Promise.all(['one', 'two'].map(untilReady))
  await space.untilPhase('killed', 'Running')
  const pid = await space.qemuPid('killed')
  const uids = await Promise.all(
    ['one', 'two'].map(async (name) => (await space.get('VirtualDisk', name)).metadata.uid),
  )
  const disks = () => host.virsh('domblklist', space.domain('killed'))

  // As soon as the change is acknowledged: before, during or after the call.
  await setDevices('killed', refs('killed', 'one'))
  await host.restartAgent()
  expect(entry(await untilAttached('killed', 'one'), 'one')).toMatchObject({ hotplugged: true, target: 'sdb' })

  // As soon as libvirt has it: about when the status is written.
  await setDevices('killed', refs('killed', 'one', 'two'))
  await waitFor('the disk in the domain', 30, async () => (await disks()).includes(uids[1] ?? ''))
  await host.restartAgent()
  expect(entry(await untilAttached('killed', 'two'), 'two')).toMatchObject({ hotplugged: true, target: 'sdc' })

  await setDevices('killed', refs('killed', 'two'))
  await host.restartAgent()
  await untilDetached('killed', 'one')
  expect(await disks()).not.toContain(uids[0])
  expect(await space.qemuPid('killed')).toBe(pid)
  await space.delete('VirtualDisk', 'one')
  await space.untilGone('VirtualDisk', 'one')

  // The same set after a restart, none of it a guest that was changed.
  expect(await space.operate('killed', 'Restart', true)).toMatchObject({ phase: 'Completed' })
  await space.untilNewQemu('killed', pid)
  const restarted = await untilAttached('killed', 'two')
  expect(restarted.status?.blockDeviceRefs).toMatchObject([
    { name: 'killed', attached: true, target: 'sda' },
    { name: 'two', attached: true, target: 'sdb' },
  ])
  expect(entry(restarted, 'two')).not.toHaveProperty('hotplugged')
  expect(restarted.status?.restartAwaitingChanges).toEqual([])
})

it.concurrent('a disk that is not there yet is waited for, comes by itself, and stays until it is let go of', async () => {
  await space.bareVm('waits')
  await space.untilPhase('waits', 'Running')
  const pid = await space.qemuPid('waits')
  await setDevices('waits', refs('waits', 'later'))
  const waiting = await space.until(
    'VirtualMachine',
    'waits',
    (vm) => condition(vm, 'BlockDevicesReady').status === 'False',
  )
  expect(condition(waiting, 'BlockDevicesReady').message).toBe('VirtualDisk later does not exist')
  expect(condition(waiting, 'ConfigurationApplied').message).toBe('VirtualDisk later is not ready to be attached')
  expect(waiting.status?.phase).toBe('Running')
  await space.disk('later', '1Mi')
  const vm = await untilAttached('waits', 'later')
  expect(condition(vm, 'BlockDevicesReady').status).toBe('True')
  expect(await space.qemuPid('waits')).toBe(pid)

  // Deleted while it is there: it stays until the machine lets go of it.
  await space.delete('VirtualDisk', 'later')
  const deleted = await space.until<VirtualDisk>('VirtualDisk', 'later', (disk) =>
    condition(disk, 'Terminating').message.includes('attached to the virtual machine hotplug/waits'),
  )
  expect(deleted.metadata.finalizers).not.toEqual([])
  const having = await space.until(
    'VirtualMachine',
    'waits',
    (vm) => condition(vm, 'BlockDevicesReady').status === 'False',
  )
  expect(entry(having, 'later')).toMatchObject({ attached: true, target: 'sdb' })
  await setDevices('waits', refs('waits'))
  await space.untilGone('VirtualDisk', 'later')
})

it.concurrent('a disk of another machine is refused in words, and comes as soon as that one lets go', async () => {
  await space.bareVm('has')
  await space.bareVm('wants')
  await space.disk('shared', '1Mi')
  await untilReady('shared')
  await setDevices('has', refs('has', 'shared'))
  await untilAttached('has', 'shared')
  await space.untilPhase('wants', 'Running')
  await setDevices('wants', refs('wants', 'shared'))
  const waiting = await space.until(
    'VirtualMachine',
    'wants',
    (vm) => condition(vm, 'BlockDevicesReady').status === 'False',
  )
  expect(condition(waiting, 'BlockDevicesReady').message).toBe(
    'VirtualDisk shared is in use by the virtual machine hotplug/has',
  )
  await setDevices('has', refs('has'))
  await untilDetached('has', 'shared')
  await untilAttached('wants', 'shared')
})

it.concurrent('a disk that libvirt does not let go of stays in use, is said, and leaves when it can', async () => {
  const { host } = space
  await space.bareVm('busy')
  await Promise.all([space.disk('copied', '1Mi'), space.disk('other', '1Mi')])
  await untilReady('copied')
  await setDevices('busy', refs('busy', 'copied'))
  await untilAttached('busy', 'copied')
  const copy = `${host.dir}/copy.qcow2`
  await host.virsh('blockcopy', space.domain('busy'), 'sdb', copy, '--transient-job')
  await setDevices('busy', refs('busy'))
  const stuck = await space.until('VirtualMachine', 'busy', (vm) =>
    condition(vm, 'ConfigurationApplied').message.includes('cannot be detached'),
  )
  expect(entry(stuck, 'copied')).toMatchObject({ attached: true, target: 'sdb' })
  await space.delete('VirtualDisk', 'copied')
  // Nothing else is kept waiting by it.
  await untilReady('other')
  await setDevices('busy', refs('other', 'busy'))
  await untilAttached('busy', 'other')
  await space.until<VirtualDisk>('VirtualDisk', 'copied', (disk) =>
    condition(disk, 'Terminating').message.includes('attached to the virtual machine hotplug/busy'),
  )

  await host.virsh('blockjob', space.domain('busy'), 'sdb', '--abort')
  const free = await untilDetached('busy', 'copied')
  expect(condition(free, 'ConfigurationApplied').status).toBe('True')
  await space.untilGone('VirtualDisk', 'copied')
})

it.concurrent('an image comes read-only; another boot order is there after a reboot from inside', async () => {
  await space.vm('order')
  // Bootable as well: firmware boots from the first hard disk or from none.
  await space.disk('front')
  await untilReady('front')
  const console = await space.booted('order')
  const pid = await space.qemuPid('order')
  const image = { kind: 'ClusterVirtualImage', name: IMAGE }
  await setDevices('order', [...refs('order'), image])
  await untilAttached('order', IMAGE)
  await console.see(/GUEST-UEVENT add block sdb/)
  expect(await console.ask('cat /sys/block/sdb/ro')).toBe('1')

  await setDevices('order', [...refs('order', 'front'), image])
  await untilAttached('order', 'front')
  await setDevices('order', [{ ...refs('front')[0], bootOrder: 1 }, ...refs('order'), image])
  const turned = await space.until('VirtualMachine', 'order', (vm) => entry(vm, 'front')?.bootOrder === 1)
  expect(turned.status?.restartAwaitingChanges).toEqual([])
  expect(condition(turned, 'AwaitingRestartToApplyConfiguration').status).toBe('False')
  await waitFor('a reboot to end QEMU', 30, async () =>
    (await space.host.virsh('dumpxml', space.domain('order'))).includes('<on_reboot>destroy</on_reboot>'),
  )
  await console.type('reboot')
  await space.untilNewQemu('order', pid)
  const { uid } = (await space.get('VirtualDisk', 'front')).metadata
  const xml = await space.host.virsh('dumpxml', space.domain('order'))
  const first = xml.split('<disk ').find((disk) => disk.includes("<boot order='1'/>"))
  expect(first).toContain(`<alias name='ua-${uid}'/>`)
  const again = await space.booted('order')
  expect(await inGuest(again, 'front')).not.toBe('')
})
