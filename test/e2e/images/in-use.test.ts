// What disks and images that are in use, or were when the agent died, come to.
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CLUSTER_IMAGES, DISKS, IMAGES, VMS } from '../../../agent/names.ts'
import type { ClusterVirtualImage, VirtualDisk, VirtualImage, VirtualMachine } from '../../../schemas/index.ts'
import { nameIn, startAgent, type TestAgent } from './agent.ts'
import { clusterImage, condition, fromImage, phaseIs, vm } from './objects.ts'
import { storageSide } from './storage-side.ts'

const here = storageSide()

/** What the VM controller would say of a VM with these devices attached. */
const setVm = (
  agent: TestAgent,
  name: string,
  uid: string,
  phase: string,
  devices: readonly { kind: string; name: string }[],
) =>
  agent.resources.modifyStatus<VirtualMachine>(VMS, { ...nameIn(VMS, name), uid }, (before) => ({
    ...before,
    phase: phase as 'Running',
    blockDeviceRefs: devices.map((device, index) => ({
      ...(device as { kind: 'VirtualDisk'; name: string }),
      attached: phase !== 'Stopped',
      size: '8Mi',
      target: `sd${'abc'[index]}`,
    })),
  }))

describe('in use', () => {
  it('an image stays until no disk reads through it, and says by whom it is held', async () => {
    const base = await here.readyImage()
    await here.readyDisk('child', fromImage('base'))
    const used = await here.agent.until<VirtualImage>(
      IMAGES,
      'base',
      (object) => condition(object, 'InUse')?.status === 'True',
    )
    expect(condition(used, 'InUse')?.message).toBe('the base of the virtual disk default/child')
    expect(used.metadata.finalizers).toContain('virtualization.deckhouse.io/vi-protection')
    await here.agent.resources.delete(IMAGES, nameIn(IMAGES, 'base'))
    const held = await here.agent.until<VirtualImage>(IMAGES, 'base', phaseIs('Terminating'))
    expect(condition(held, 'Terminating')).toMatchObject({
      status: 'True',
      reason: 'CleanupPending',
      message: 'the base of the virtual disk default/child: the image stays until then',
    })
    expect(await here.agent.storage.volumes.image(base.metadata.uid)).not.toBeNull()
    await here.agent.resources.delete(DISKS, nameIn(DISKS, 'child'))
    await here.agent.gone(DISKS, 'child')
    await here.agent.gone(IMAGES, 'base')
    expect(await here.files('images', 'sha256')).toEqual([])
  })

  it('two images of the same content: the file stays until the last is gone', async () => {
    await here.readyImage('first')
    await here.readyImage('second')
    expect(await here.files('images', 'sha256')).toHaveLength(2)
    await here.agent.resources.delete(IMAGES, nameIn(IMAGES, 'first'))
    await here.agent.gone(IMAGES, 'first')
    expect(await here.files('images', 'sha256')).toHaveLength(2)
    await here.agent.resources.delete(IMAGES, nameIn(IMAGES, 'second'))
    await here.agent.gone(IMAGES, 'second')
    expect(await here.files('images', 'sha256')).toEqual([])
  })

  it('a disk and an image of a running VM stay; the disk of a stopped one goes', async () => {
    await here.agent.resources.create(CLUSTER_IMAGES, clusterImage('cd', here.server.file('/cd', here.sources.iso)))
    await here.agent.until(CLUSTER_IMAGES, 'cd', phaseIs('Ready'))
    await here.readyDisk('root', { persistentVolumeClaim: { size: '1Mi' } })
    const devices = [
      { kind: 'VirtualDisk', name: 'root' },
      { kind: 'ClusterVirtualImage', name: 'cd' },
    ]
    const made = await here.agent.resources.create<VirtualMachine>(VMS, vm('guest', devices) as never)
    const named = await here.agent.until<VirtualDisk>(
      DISKS,
      'root',
      ({ status }) => status?.attachedToVirtualMachines?.length === 1,
    )
    expect(named.status?.attachedToVirtualMachines).toEqual([{ name: 'guest', mounted: false }])
    await setVm(here.agent, 'guest', made.metadata.uid, 'Running', devices)
    const used = await here.agent.until<VirtualDisk>(
      DISKS,
      'root',
      (object) => condition(object, 'InUse')?.status === 'True',
    )
    expect(used.status?.attachedToVirtualMachines).toEqual([{ name: 'guest', mounted: true }])
    expect(condition(used, 'InUse')).toMatchObject({
      reason: 'AttachedToVirtualMachine',
      message: 'attached to the virtual machine default/guest',
    })
    const cd = await here.agent.until<ClusterVirtualImage>(
      CLUSTER_IMAGES,
      'cd',
      (object) => condition(object, 'InUse')?.status === 'True',
    )
    expect(cd.status?.usedInNamespaces).toEqual(['default'])
    await here.agent.resources.delete(DISKS, nameIn(DISKS, 'root'))
    await here.agent.resources.delete(CLUSTER_IMAGES, nameIn(CLUSTER_IMAGES, 'cd'))
    await here.agent.until(CLUSTER_IMAGES, 'cd', phaseIs('Terminating'))
    const held = await here.agent.until<VirtualDisk>(DISKS, 'root', phaseIs('Terminating'))
    expect(condition(held, 'Terminating')?.message).toMatch(/default\/guest: the disk stays until then/)
    expect(await here.files('disks')).toHaveLength(2)
    await setVm(here.agent, 'guest', made.metadata.uid, 'Stopped', devices)
    await here.agent.gone(DISKS, 'root')
    await here.agent.gone(CLUSTER_IMAGES, 'cd')
    expect(await here.files('disks')).toEqual([])
    expect(await here.files('images', 'sha256')).toEqual([])
  })
})

describe('a new life', () => {
  it('goes on with a ready disk and image, removes unfinished files, keeps what has no object', async () => {
    const base = await here.readyImage()
    const child = await here.readyDisk('child', fromImage('base'))
    await here.agent.stop()
    const disks = join(here.agent.stateDir, 'disks')
    await writeFile(join(disks, '.tmp-0123'), 'half')
    await writeFile(join(disks, 'stranger.qcow2'), 'somebody wrote this')
    await writeFile(join(here.agent.stateDir, 'images', 'tmp', 'left'), 'half')
    here.agent = await startAgent({ stateDir: here.agent.stateDir })
    expect(await here.files('images', 'tmp')).toEqual([])
    expect(await here.files('disks')).toEqual([
      `${child.metadata.uid}.json`,
      `${child.metadata.uid}.qcow2`,
      'stranger.qcow2',
    ])
    expect(here.agent.logged.join('')).toContain('stranger.qcow2')
    expect(await here.agent.storage.volumes.disk(child.metadata.uid)).not.toBeNull()
    expect(await here.agent.storage.volumes.image(base.metadata.uid)).not.toBeNull()
  })

  it('ends a deletion that had begun', async () => {
    const ready = await here.readyDisk('half', { persistentVolumeClaim: { size: '1Mi' } })
    const { uid } = ready.metadata
    await here.agent.stop()
    const sidecar = join(here.agent.stateDir, 'disks', `${uid}.json`)
    await writeFile(sidecar, JSON.stringify({ ...JSON.parse(await readFile(sidecar, 'utf8')), state: 'deleting' }))
    await rm(join(here.agent.stateDir, 'disks', `${uid}.qcow2`))
    here.agent = await startAgent({ stateDir: here.agent.stateDir })
    const disks = await here.files('disks')
    expect(disks.filter((name) => name.includes('.tmp'))).toEqual([])
    expect(here.agent.storage.driver.get(uid)).toBeNull()
    // Its object is of an older database: what was on the disk is gone, and an empty one would not be it.
    await here.agent.until<VirtualDisk>(DISKS, 'half', phaseIs('PVCLost'))
    expect(await here.files('disks')).toEqual(disks)
  })
})
