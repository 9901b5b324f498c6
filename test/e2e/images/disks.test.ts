// Disks as objects: from the API to files, without libvirt.
import { execFile } from 'node:child_process'
import { readdir, readFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { DISKS, IMAGES, STORAGE_CLASSES } from '../../../agent/names.ts'
import type { StorageClass, VirtualDisk } from '../../../schemas/index.ts'
import { nameIn } from './agent.ts'
import { condition, disk, fromImage, image, phaseIs } from './objects.ts'
import { DISK_BYTES, gz } from './sources.ts'
import { POLL, storageSide } from './storage-side.ts'

const exec = promisify(execFile)
const here = storageSide()

describe('disks', () => {
  it('blank: a qcow2 file of that size', async () => {
    const ready = await here.readyDisk('blank', { persistentVolumeClaim: { size: '16Mi' } })
    const { uid } = ready.metadata
    expect(ready.status).toMatchObject({
      phase: 'Ready',
      progress: '100%',
      capacity: '16Mi',
      storageClassName: 'dir',
      target: { persistentVolumeClaimName: `${uid}.qcow2` },
      attachedToVirtualMachines: [],
    })
    expect(ready.status?.stats?.creationDuration?.totalProvisioning).toMatch(/^\d+s$/)
    const path = join(here.agent.stateDir, 'disks', `${uid}.qcow2`)
    expect(await here.agent.storage.volumes.disk(uid)).toEqual({
      path,
      format: 'qcow2',
      backing: [],
      sizeBytes: 16n << 20n,
      cdrom: false,
      readonly: false,
    })
    expect(await here.info(path)).toMatchObject({ 'virtual-size': 16 << 20 })
    const sidecar = JSON.parse(await readFile(join(here.agent.stateDir, 'disks', `${uid}.json`), 'utf8'))
    expect(sidecar).toMatchObject({ uid, state: 'ready', base: null, object: { kind: 'VirtualDisk' } })
  })

  it('from an image: an overlay that names it, with the size asked for or the image size', async () => {
    const base = await here.readyImage()
    const same = await here.readyDisk('same', fromImage('base'))
    const larger = await here.readyDisk('larger', { ...fromImage('base'), persistentVolumeClaim: { size: '1Gi' } })
    expect(same.status).toMatchObject({ capacity: '8Mi', sourceUID: base.metadata.uid })
    expect(larger.status?.capacity).toBe('1Gi')
    const volume = await here.agent.storage.volumes.disk(larger.metadata.uid)
    const below = await here.agent.storage.volumes.image(base.metadata.uid)
    expect(volume?.backing).toEqual([{ path: below?.path, format: 'qcow2' }])
    expect(await here.info(volume?.path ?? '')).toMatchObject({
      'virtual-size': 1 << 30,
      'full-backing-filename': below?.path,
      'backing-filename-format': 'qcow2',
    })
    expect((await stat(volume?.path ?? '')).size).toBeLessThan(1 << 20)
    const { stdout } = await exec('qemu-img', ['map', '--output=json', '-f', 'qcow2', volume?.path ?? ''])
    expect(stdout).toContain('"depth": 1')
  })

  it('over HTTP: imported and put on an overlay; deletion takes both', async () => {
    const url = here.server.file('/disk', gz(here.sources.raw))
    const ready = await here.readyDisk('http', { dataSource: { type: 'HTTP', http: { url } } })
    expect(ready.status).toMatchObject({ capacity: '8Mi', progress: '100%' })
    expect(ready.status?.stats?.creationDuration?.dvcrProvisioning).toMatch(/s$/)
    expect(await here.files('images', 'sha256')).toHaveLength(2)
    await here.agent.resources.delete(DISKS, nameIn(DISKS, 'http'))
    await here.agent.gone(DISKS, 'http')
    expect(await here.files('disks')).toEqual([])
    expect(await here.files('images', 'sha256')).toEqual([])
    expect(await here.files('images', 'objects')).toEqual([])
  })

  it('waits for an image that does not exist yet, and for one that is not ready', async () => {
    await here.agent.resources.create(DISKS, disk('early', fromImage('later')))
    const missing = await here.agent.until<VirtualDisk>(DISKS, 'early', phaseIs('Pending'))
    expect(condition(missing, 'DatasourceReady')).toMatchObject({
      status: 'False',
      reason: 'ImageNotFound',
      message: 'the VirtualImage later does not exist',
    })
    expect(condition(missing, 'Ready')?.reason).toBe('DatasourceIsNotFound')
    let go = () => {}
    const url = here.server.route('/later', (_request, response) => {
      go = () => response.end(here.sources.qcow2)
    })
    await here.agent.resources.create(IMAGES, image('later', url))
    await here.agent.until(DISKS, 'early', (object) => {
      const { reason, message = '' } = condition(object, 'DatasourceReady') ?? {}
      return reason === 'ImageNotReady' && /the VirtualImage later is (Pending|Provisioning)/.test(message)
    })
    await expect.poll(() => here.server.hits.get('/later'), POLL).toBe(1)
    go()
    await here.agent.until(DISKS, 'early', phaseIs('Ready'))
    await here.agent.resources.create(DISKS, disk('cluster', fromImage('nobody', 'ClusterVirtualImage')))
    const cluster = await here.agent.until<VirtualDisk>(DISKS, 'cluster', phaseIs('Pending'))
    expect(condition(cluster, 'DatasourceReady')?.reason).toBe('ClusterImageNotFound')
  })

  it('waits for its storage class, and goes into its folder', async () => {
    const spec = { persistentVolumeClaim: { size: '1Mi', storageClassName: 'fast' } }
    await here.agent.resources.create(DISKS, disk('fast', spec))
    const waiting = await here.agent.until<VirtualDisk>(DISKS, 'fast', phaseIs('Pending'))
    expect(condition(waiting, 'StorageClassReady')).toMatchObject({
      status: 'False',
      reason: 'StorageClassNotReady',
      message: 'the StorageClass fast does not exist',
    })
    const path = join(here.agent.stateDir, 'fast')
    await here.agent.resources.create<StorageClass>(STORAGE_CLASSES, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'fast' },
      provisioner: 'berth/dir',
      parameters: { path },
    })
    const ready = await here.agent.until<VirtualDisk>(DISKS, 'fast', phaseIs('Ready'))
    const { uid } = ready.metadata
    expect((await readdir(join(path, 'disks'))).sort()).toEqual([`${uid}.json`, `${uid}.qcow2`])
    await here.agent.resources.delete(DISKS, nameIn(DISKS, 'fast'))
    await here.agent.gone(DISKS, 'fast')
    expect(await readdir(join(path, 'disks'))).toEqual([])
  })

  it('smaller than its image: Failed with both sizes, and made once the size is right', async () => {
    await here.readyImage()
    await here.agent.resources.create(
      DISKS,
      disk('small', { ...fromImage('base'), persistentVolumeClaim: { size: '4Mi' } }),
    )
    const failed = await here.agent.until<VirtualDisk>(DISKS, 'small', phaseIs('Failed'))
    expect(condition(failed, 'Ready')?.message).toMatch(/asked for is 4194304 bytes, the image has 8388608/)
    await here.agent.resources.modify<VirtualDisk>(DISKS, nameIn(DISKS, 'small'), (object) => ({
      ...object,
      spec: { ...object.spec, persistentVolumeClaim: { size: '8Mi' } },
    }))
    await here.agent.until(DISKS, 'small', phaseIs('Ready'))
  })

  it('grows when a larger size is asked for, keeping what is in it', async () => {
    await here.readyImage()
    const before = await here.readyDisk('grow', fromImage('base'))
    await here.agent.resources.modify<VirtualDisk>(DISKS, nameIn(DISKS, 'grow'), (object) => ({
      ...object,
      spec: { ...object.spec, persistentVolumeClaim: { size: '64Mi' } },
    }))
    const after = await here.agent.until<VirtualDisk>(DISKS, 'grow', ({ status }) => status?.capacity === '64Mi')
    expect(after.status?.phase).toBe('Ready')
    const volume = await here.agent.storage.volumes.disk(before.metadata.uid)
    expect(volume?.sizeBytes).toBe(64n << 20n)
    const raw = join(here.agent.stateDir, 'grown.raw')
    await exec('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', volume?.path ?? '', raw])
    const bytes = await readFile(raw)
    expect(bytes.subarray(0, DISK_BYTES).equals(here.sources.raw)).toBe(true)
    expect(bytes.subarray(DISK_BYTES).every((byte) => byte === 0)).toBe(true)
  })

  it('a lost file is said, and the disk is back when the file is', async () => {
    const ready = await here.readyDisk('lost', { persistentVolumeClaim: { size: '1Mi' } })
    const path = join(here.agent.stateDir, 'disks', `${ready.metadata.uid}.qcow2`)
    await rename(path, `${path}.away`)
    const touch = (value: string) =>
      here.agent.resources.modify<VirtualDisk>(DISKS, nameIn(DISKS, 'lost'), (object) => ({
        ...object,
        metadata: { ...object.metadata, labels: { touched: value } },
      }))
    await touch('1')
    const lost = await here.agent.until<VirtualDisk>(DISKS, 'lost', phaseIs('PVCLost'))
    expect(condition(lost, 'Ready')).toMatchObject({ status: 'False', reason: 'PVCLost' })
    expect(await here.agent.storage.volumes.disk(ready.metadata.uid)).toBeNull()
    await rename(`${path}.away`, path)
    await touch('2')
    await here.agent.until(DISKS, 'lost', phaseIs('Ready'))
  })
})
