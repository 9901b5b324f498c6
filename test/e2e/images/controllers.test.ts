// Disks and images as objects: from the API to files, through bad days and back, without libvirt.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CLUSTER_IMAGES, DISKS, IMAGES, STORAGE_CLASSES, VMS } from '../../../agent/names.ts'
import type {
  ClusterVirtualImage,
  StorageClass,
  VirtualDisk,
  VirtualImage,
  VirtualMachine,
} from '../../../schemas/index.ts'
import { nameIn, startAgent, type TestAgent } from './agent.ts'
import { clusterImage, condition, disk, fromImage, image, phaseIs, vm } from './objects.ts'
import { startServer, type TestServer } from './server.ts'
import { DISK_BYTES, gz, makeSources, type Sources } from './sources.ts'

const exec = promisify(execFile)

/** A busy machine takes its time. */
const POLL = { timeout: 60_000 }

let dir: string
let sources: Sources
let server: TestServer
let agent: TestAgent

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-storage-'))
  sources = await makeSources(dir)
})
afterAll(() => rm(dir, { recursive: true, force: true }))
beforeEach(async () => {
  server = await startServer()
  agent = await startAgent({
    stateDir: await mkdtemp(join(dir, 'state-')),
    importer: { allow: [`127.0.0.1:${server.port}`] },
  })
})
afterEach(async () => {
  await agent.stop()
  await server.close()
})

const files = (...parts: string[]) => readdir(join(agent.stateDir, ...parts))

async function info(path: string): Promise<Record<string, unknown>> {
  const { stdout } = await exec('qemu-img', ['info', '--output=json', '-f', 'qcow2', path])
  return JSON.parse(stdout)
}

async function readyImage(name = 'base'): Promise<VirtualImage> {
  await agent.resources.create(IMAGES, image(name, server.file(`/${name}`, sources.qcow2)))
  return agent.until<VirtualImage>(IMAGES, name, phaseIs('Ready'))
}

async function readyDisk(name: string, spec: object): Promise<VirtualDisk> {
  await agent.resources.create(DISKS, disk(name, spec))
  return agent.until<VirtualDisk>(DISKS, name, phaseIs('Ready'))
}

/** What the VM controller would say of a VM with these devices attached. */
const setVm = (name: string, uid: string, phase: string, devices: readonly { kind: string; name: string }[]) =>
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

describe('images', () => {
  it('an image becomes Ready with its facts', async () => {
    const ready = await readyImage()
    expect(ready.status).toMatchObject({
      phase: 'Ready',
      progress: '100%',
      format: 'qcow2',
      cdrom: false,
      size: { unpacked: '8Mi', unpackedBytes: String(DISK_BYTES) },
      target: { registryURL: '' },
      observedGeneration: 1,
    })
    expect(Number(ready.status?.size?.storedBytes)).toBeGreaterThan(300_000)
    expect(Number(ready.status?.downloadSpeed?.avgBytes)).toBeGreaterThan(0)
    expect(ready.metadata.finalizers).toEqual(['virtualization.deckhouse.io/vi-cleanup'])
    expect(ready.status?.conditions?.map(({ type, status, reason }) => [type, status, reason])).toEqual([
      ['DatasourceReady', 'True', 'DatasourceReady'],
      ['InUse', 'False', 'NotInUse'],
      ['Ready', 'True', 'Ready'],
      ['StorageClassReady', 'True', 'DVCRTypeUsed'],
    ])
    const volume = await agent.storage.volumes.image(ready.metadata.uid)
    expect(volume).toMatchObject({ format: 'qcow2', backing: [], cdrom: false, readonly: true })
    expect(volume?.sizeBytes).toBe(BigInt(DISK_BYTES))
  })

  it('a cluster image of an ISO is a CD-ROM, and no disk can be made from it', async () => {
    await agent.resources.create(CLUSTER_IMAGES, clusterImage('cd', server.file('/cd', sources.iso)))
    const ready = await agent.until<ClusterVirtualImage>(CLUSTER_IMAGES, 'cd', phaseIs('Ready'))
    expect(ready.status).toMatchObject({ cdrom: true, format: 'iso', usedInNamespaces: [] })
    expect(await agent.storage.volumes.image(ready.metadata.uid)).toMatchObject({ format: 'raw', cdrom: true })
    await agent.resources.create(DISKS, disk('from-cd', fromImage('cd', 'ClusterVirtualImage')))
    const failed = await agent.until<VirtualDisk>(DISKS, 'from-cd', phaseIs('Failed'))
    expect(condition(failed, 'Ready')).toMatchObject({ reason: 'ProvisioningFailed', message: /ISO/ })
    expect(await files('disks')).toEqual([])
  })

  it('progress is seen while the download runs; deletion cancels it and leaves nothing', async () => {
    const url = server.route('/slow', (_request, response) => {
      response.writeHead(200, { 'content-length': 1_000_000 }).write(Buffer.alloc(400_000, 1))
      const timer = setInterval(() => response.write('x'), 100)
      response.on('close', () => clearInterval(timer))
    })
    await agent.resources.create(IMAGES, image('slow', url))
    const running = await agent.until<VirtualImage>(IMAGES, 'slow', ({ status }) => status?.progress === '36%')
    expect(running.status?.phase).toBe('Provisioning')
    expect(condition(running, 'Ready')).toMatchObject({ status: 'False', reason: 'Provisioning' })
    expect(await files('images', 'tmp')).toHaveLength(1)
    await agent.resources.delete(IMAGES, nameIn(IMAGES, 'slow'))
    await agent.gone(IMAGES, 'slow')
    expect(await files('images', 'tmp')).toEqual([])
    expect(await files('images', 'objects')).toEqual([])
  })

  it('a changed source ends the running download and takes the new one', async () => {
    const stuck = server.route('/stuck', (_request, response) => {
      response.writeHead(200, { 'content-length': 1_000_000 })
      const timer = setInterval(() => response.write('x'), 100)
      response.on('close', () => clearInterval(timer))
    })
    await agent.resources.create(IMAGES, image('moving', stuck))
    await agent.until(IMAGES, 'moving', phaseIs('Provisioning'))
    await agent.resources.modify<VirtualImage>(IMAGES, nameIn(IMAGES, 'moving'), (object) => ({
      ...object,
      spec: image('moving', server.file('/good', sources.vdi)).spec as VirtualImage['spec'],
    }))
    const ready = await agent.until<VirtualImage>(IMAGES, 'moving', phaseIs('Ready'))
    expect(ready.status).toMatchObject({ format: 'vdi', observedGeneration: 2 })
  })

  it('at most two imports run at a time, and the others say that they wait', async () => {
    const open: (() => void)[] = []
    const url = server.route('/gate', (_request, response) => {
      open.push(() => response.writeHead(200, { 'content-length': sources.qcow2.length }).end(sources.qcow2))
    })
    for (const name of ['one', 'two', 'three']) await agent.resources.create(IMAGES, image(name, url))
    const waiting = await agent.until<VirtualImage>(IMAGES, 'three', phaseIs('Pending'))
    await expect.poll(() => open.length, POLL).toBe(2)
    await agent.until(IMAGES, 'three', (object) =>
      /2 imports come first/.test(condition(object, 'Ready')?.message ?? ''),
    )
    expect(condition(waiting, 'Ready')?.reason).toBe('ProvisioningNotStarted')
    for (const go of open.splice(0)) go()
    await expect.poll(() => open.length, POLL).toBe(1)
    for (const go of open.splice(0)) go()
    for (const name of ['one', 'two', 'three']) await agent.until(IMAGES, name, phaseIs('Ready'))
  })
})

describe('bad downloads end in words', () => {
  const cases: readonly [string, RegExp, () => string, object?][] = [
    ['404', /answered 404/, () => `${server.origin}/none`],
    [
      'wrong checksum',
      /md5 checksum is wrong/,
      () => server.file('/x', sources.raw),
      { checksum: { md5: '0'.repeat(32) } },
    ],
    ['gzip bomb', /unpacks to more than importer.maxVirtualBytes/, () => server.file('/x', gz(Buffer.alloc(70 << 20)))],
    ['own address', /is a loopback address/, () => 'https://127.0.0.1:8750/x'],
    [
      'redirect to loopback',
      /is a loopback address/,
      () => server.route('/x', (_q, r) => r.writeHead(302, { location: 'http://[::ffff:127.0.0.1]:1/x' }).end()),
    ],
    [
      'redirect loop',
      /more than 5 redirects/,
      () => server.route('/x', (_q, r) => r.writeHead(302, { location: '/x' }).end()),
    ],
    [
      'endless',
      /too large/,
      () =>
        server.route('/x', (_q, r) => {
          const chunk = Buffer.alloc(1 << 20, 1)
          const more = () => {
            while (!r.destroyed && r.write(chunk));
          }
          r.writeHead(200).on('drain', more)
          more()
        }),
    ],
  ]
  for (const [title, words, url, http] of cases) {
    it(`${title}: Failed for good, nothing remains, a corrected source works`, async () => {
      await agent.stop()
      agent = await startAgent({
        stateDir: agent.stateDir,
        importer: { allow: [`127.0.0.1:${server.port}`], maxVirtualBytes: '64Mi', maxBytes: '64Mi' },
      })
      await agent.resources.create(IMAGES, image('bad', url(), http))
      const failed = await agent.until<VirtualImage>(IMAGES, 'bad', phaseIs('Failed'))
      expect(condition(failed, 'Ready')).toMatchObject({ status: 'False', reason: 'ProvisioningFailed' })
      expect(condition(failed, 'Ready')?.message).toMatch(words)
      expect(await files('images', 'tmp')).toEqual([])
      expect(await files('images', 'sha256')).toEqual([])
      const spec = image('bad', server.file('/good', sources.qcow2)).spec as VirtualImage['spec']
      await agent.resources.modify<VirtualImage>(IMAGES, nameIn(IMAGES, 'bad'), (object) => ({ ...object, spec }))
      await agent.until(IMAGES, 'bad', phaseIs('Ready'))
    })
  }

  it('a stalled or cut download is tried again and then works', async () => {
    await agent.stop()
    agent = await startAgent({
      stateDir: agent.stateDir,
      importer: { allow: [`127.0.0.1:${server.port}`], stallTimeoutSeconds: 1 },
    })
    let tries = 0
    const url = server.route('/x', (_request, response) => {
      tries += 1
      response.writeHead(200, { 'content-length': sources.qcow2.length })
      if (tries === 1) response.write('some')
      else response.end(sources.qcow2)
    })
    await agent.resources.create(IMAGES, image('flaky', url))
    const failed = await agent.until<VirtualImage>(IMAGES, 'flaky', phaseIs('Failed'))
    expect(condition(failed, 'Ready')?.message).toMatch(/stalled: no data for 1 s; attempt 1 failed, the next is at 20/)
    expect(await files('images', 'tmp')).toEqual([])
    await agent.until(IMAGES, 'flaky', phaseIs('Ready'))
    expect(tries).toBe(2)
  })

  it('a disk with a backing file of the host never gets one', async () => {
    const path = join(dir, 'evil.qcow2')
    await exec('qemu-img', ['create', '-q', '-u', '-f', 'qcow2', '-b', '/etc/passwd', '-F', 'raw', path, '8M'])
    const url = server.file('/evil', await readFile(path))
    await agent.resources.create(DISKS, disk('evil', { dataSource: { type: 'HTTP', http: { url } } }))
    const failed = await agent.until<VirtualDisk>(DISKS, 'evil', phaseIs('Failed'))
    expect(condition(failed, 'Ready')?.message).toMatch(/backing file/)
    expect(await agent.storage.volumes.disk(failed.metadata.uid)).toBeNull()
    expect(await files('disks')).toEqual([])
  })
})

describe('disks', () => {
  it('blank: a qcow2 file of that size', async () => {
    const ready = await readyDisk('blank', { persistentVolumeClaim: { size: '16Mi' } })
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
    const path = join(agent.stateDir, 'disks', `${uid}.qcow2`)
    expect(await agent.storage.volumes.disk(uid)).toEqual({
      path,
      format: 'qcow2',
      backing: [],
      sizeBytes: 16n << 20n,
      cdrom: false,
      readonly: false,
    })
    expect(await info(path)).toMatchObject({ 'virtual-size': 16 << 20 })
    const sidecar = JSON.parse(await readFile(join(agent.stateDir, 'disks', `${uid}.json`), 'utf8'))
    expect(sidecar).toMatchObject({ uid, state: 'ready', base: null, object: { kind: 'VirtualDisk' } })
  })

  it('from an image: an overlay that names it, with the size asked for or the image size', async () => {
    const base = await readyImage()
    const same = await readyDisk('same', fromImage('base'))
    const larger = await readyDisk('larger', { ...fromImage('base'), persistentVolumeClaim: { size: '1Gi' } })
    expect(same.status).toMatchObject({ capacity: '8Mi', sourceUID: base.metadata.uid })
    expect(larger.status?.capacity).toBe('1Gi')
    const volume = await agent.storage.volumes.disk(larger.metadata.uid)
    const below = await agent.storage.volumes.image(base.metadata.uid)
    expect(volume?.backing).toEqual([{ path: below?.path, format: 'qcow2' }])
    expect(await info(volume?.path ?? '')).toMatchObject({
      'virtual-size': 1 << 30,
      'full-backing-filename': below?.path,
      'backing-filename-format': 'qcow2',
    })
    expect((await stat(volume?.path ?? '')).size).toBeLessThan(1 << 20)
    const { stdout } = await exec('qemu-img', ['map', '--output=json', '-f', 'qcow2', volume?.path ?? ''])
    expect(stdout).toContain('"depth": 1')
  })

  it('over HTTP: imported and put on an overlay; deletion takes both', async () => {
    const url = server.file('/disk', gz(sources.raw))
    const ready = await readyDisk('http', { dataSource: { type: 'HTTP', http: { url } } })
    expect(ready.status).toMatchObject({ capacity: '8Mi', progress: '100%' })
    expect(ready.status?.stats?.creationDuration?.dvcrProvisioning).toMatch(/s$/)
    expect(await files('images', 'sha256')).toHaveLength(2)
    await agent.resources.delete(DISKS, nameIn(DISKS, 'http'))
    await agent.gone(DISKS, 'http')
    expect(await files('disks')).toEqual([])
    expect(await files('images', 'sha256')).toEqual([])
    expect(await files('images', 'objects')).toEqual([])
  })

  it('waits for an image that does not exist yet, and for one that is not ready', async () => {
    await agent.resources.create(DISKS, disk('early', fromImage('later')))
    const missing = await agent.until<VirtualDisk>(DISKS, 'early', phaseIs('Pending'))
    expect(condition(missing, 'DatasourceReady')).toMatchObject({
      status: 'False',
      reason: 'ImageNotFound',
      message: 'the VirtualImage later does not exist',
    })
    expect(condition(missing, 'Ready')?.reason).toBe('DatasourceIsNotFound')
    let go = () => {}
    const url = server.route('/later', (_request, response) => {
      go = () => response.end(sources.qcow2)
    })
    await agent.resources.create(IMAGES, image('later', url))
    await agent.until(DISKS, 'early', (object) => {
      const { reason, message = '' } = condition(object, 'DatasourceReady') ?? {}
      return reason === 'ImageNotReady' && /the VirtualImage later is (Pending|Provisioning)/.test(message)
    })
    await expect.poll(() => server.hits.get('/later'), POLL).toBe(1)
    go()
    await agent.until(DISKS, 'early', phaseIs('Ready'))
    await agent.resources.create(DISKS, disk('cluster', fromImage('nobody', 'ClusterVirtualImage')))
    const cluster = await agent.until<VirtualDisk>(DISKS, 'cluster', phaseIs('Pending'))
    expect(condition(cluster, 'DatasourceReady')?.reason).toBe('ClusterImageNotFound')
  })

  it('waits for its storage class, and goes into its folder', async () => {
    const spec = { persistentVolumeClaim: { size: '1Mi', storageClassName: 'fast' } }
    await agent.resources.create(DISKS, disk('fast', spec))
    const waiting = await agent.until<VirtualDisk>(DISKS, 'fast', phaseIs('Pending'))
    expect(condition(waiting, 'StorageClassReady')).toMatchObject({
      status: 'False',
      reason: 'StorageClassNotReady',
      message: 'the StorageClass fast does not exist',
    })
    const path = join(agent.stateDir, 'fast')
    await agent.resources.create<StorageClass>(STORAGE_CLASSES, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'fast' },
      provisioner: 'berth/dir',
      parameters: { path },
    })
    const ready = await agent.until<VirtualDisk>(DISKS, 'fast', phaseIs('Ready'))
    const { uid } = ready.metadata
    expect((await readdir(join(path, 'disks'))).sort()).toEqual([`${uid}.json`, `${uid}.qcow2`])
    await agent.resources.delete(DISKS, nameIn(DISKS, 'fast'))
    await agent.gone(DISKS, 'fast')
    expect(await readdir(join(path, 'disks'))).toEqual([])
  })

  it('smaller than its image: Failed with both sizes, and made once the size is right', async () => {
    await readyImage()
    await agent.resources.create(DISKS, disk('small', { ...fromImage('base'), persistentVolumeClaim: { size: '4Mi' } }))
    const failed = await agent.until<VirtualDisk>(DISKS, 'small', phaseIs('Failed'))
    expect(condition(failed, 'Ready')?.message).toMatch(/asked for is 4194304 bytes, the image has 8388608/)
    await agent.resources.modify<VirtualDisk>(DISKS, nameIn(DISKS, 'small'), (object) => ({
      ...object,
      spec: { ...object.spec, persistentVolumeClaim: { size: '8Mi' } },
    }))
    await agent.until(DISKS, 'small', phaseIs('Ready'))
  })

  it('grows when a larger size is asked for, keeping what is in it', async () => {
    await readyImage()
    const before = await readyDisk('grow', fromImage('base'))
    await agent.resources.modify<VirtualDisk>(DISKS, nameIn(DISKS, 'grow'), (object) => ({
      ...object,
      spec: { ...object.spec, persistentVolumeClaim: { size: '64Mi' } },
    }))
    const after = await agent.until<VirtualDisk>(DISKS, 'grow', ({ status }) => status?.capacity === '64Mi')
    expect(after.status?.phase).toBe('Ready')
    const volume = await agent.storage.volumes.disk(before.metadata.uid)
    expect(volume?.sizeBytes).toBe(64n << 20n)
    const raw = join(agent.stateDir, 'grown.raw')
    await exec('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', volume?.path ?? '', raw])
    const bytes = await readFile(raw)
    expect(bytes.subarray(0, DISK_BYTES).equals(sources.raw)).toBe(true)
    expect(bytes.subarray(DISK_BYTES).every((byte) => byte === 0)).toBe(true)
  })

  it('a lost file is said, and the disk is back when the file is', async () => {
    const ready = await readyDisk('lost', { persistentVolumeClaim: { size: '1Mi' } })
    const path = join(agent.stateDir, 'disks', `${ready.metadata.uid}.qcow2`)
    await rename(path, `${path}.away`)
    const touch = (value: string) =>
      agent.resources.modify<VirtualDisk>(DISKS, nameIn(DISKS, 'lost'), (object) => ({
        ...object,
        metadata: { ...object.metadata, labels: { touched: value } },
      }))
    await touch('1')
    const lost = await agent.until<VirtualDisk>(DISKS, 'lost', phaseIs('PVCLost'))
    expect(condition(lost, 'Ready')).toMatchObject({ status: 'False', reason: 'PVCLost' })
    expect(await agent.storage.volumes.disk(ready.metadata.uid)).toBeNull()
    await rename(`${path}.away`, path)
    await touch('2')
    await agent.until(DISKS, 'lost', phaseIs('Ready'))
  })
})

describe('in use', () => {
  it('an image stays until no disk reads through it, and says by whom it is held', async () => {
    const base = await readyImage()
    await readyDisk('child', fromImage('base'))
    const used = await agent.until<VirtualImage>(
      IMAGES,
      'base',
      (object) => condition(object, 'InUse')?.status === 'True',
    )
    expect(condition(used, 'InUse')?.message).toBe('the base of the virtual disk default/child')
    expect(used.metadata.finalizers).toContain('virtualization.deckhouse.io/vi-protection')
    await agent.resources.delete(IMAGES, nameIn(IMAGES, 'base'))
    const held = await agent.until<VirtualImage>(IMAGES, 'base', phaseIs('Terminating'))
    expect(condition(held, 'Terminating')).toMatchObject({
      status: 'True',
      reason: 'CleanupPending',
      message: 'the base of the virtual disk default/child: the image stays until then',
    })
    expect(await agent.storage.volumes.image(base.metadata.uid)).not.toBeNull()
    await agent.resources.delete(DISKS, nameIn(DISKS, 'child'))
    await agent.gone(DISKS, 'child')
    await agent.gone(IMAGES, 'base')
    expect(await files('images', 'sha256')).toEqual([])
  })

  it('two images of the same content: the file stays until the last is gone', async () => {
    await readyImage('first')
    await readyImage('second')
    expect(await files('images', 'sha256')).toHaveLength(2)
    await agent.resources.delete(IMAGES, nameIn(IMAGES, 'first'))
    await agent.gone(IMAGES, 'first')
    expect(await files('images', 'sha256')).toHaveLength(2)
    await agent.resources.delete(IMAGES, nameIn(IMAGES, 'second'))
    await agent.gone(IMAGES, 'second')
    expect(await files('images', 'sha256')).toEqual([])
  })

  it('a disk and an image of a running VM stay; the disk of a stopped one goes', async () => {
    await agent.resources.create(CLUSTER_IMAGES, clusterImage('cd', server.file('/cd', sources.iso)))
    await agent.until(CLUSTER_IMAGES, 'cd', phaseIs('Ready'))
    await readyDisk('root', { persistentVolumeClaim: { size: '1Mi' } })
    const devices = [
      { kind: 'VirtualDisk', name: 'root' },
      { kind: 'ClusterVirtualImage', name: 'cd' },
    ]
    const made = await agent.resources.create<VirtualMachine>(VMS, vm('guest', devices) as never)
    const named = await agent.until<VirtualDisk>(
      DISKS,
      'root',
      ({ status }) => status?.attachedToVirtualMachines?.length === 1,
    )
    expect(named.status?.attachedToVirtualMachines).toEqual([{ name: 'guest', mounted: false }])
    await setVm('guest', made.metadata.uid, 'Running', devices)
    const used = await agent.until<VirtualDisk>(
      DISKS,
      'root',
      (object) => condition(object, 'InUse')?.status === 'True',
    )
    expect(used.status?.attachedToVirtualMachines).toEqual([{ name: 'guest', mounted: true }])
    expect(condition(used, 'InUse')).toMatchObject({
      reason: 'AttachedToVirtualMachine',
      message: 'attached to the virtual machine default/guest',
    })
    const cd = await agent.until<ClusterVirtualImage>(
      CLUSTER_IMAGES,
      'cd',
      (object) => condition(object, 'InUse')?.status === 'True',
    )
    expect(cd.status?.usedInNamespaces).toEqual(['default'])
    await agent.resources.delete(DISKS, nameIn(DISKS, 'root'))
    await agent.resources.delete(CLUSTER_IMAGES, nameIn(CLUSTER_IMAGES, 'cd'))
    await agent.until(CLUSTER_IMAGES, 'cd', phaseIs('Terminating'))
    const held = await agent.until<VirtualDisk>(DISKS, 'root', phaseIs('Terminating'))
    expect(condition(held, 'Terminating')?.message).toMatch(/default\/guest: the disk stays until then/)
    expect(await files('disks')).toHaveLength(2)
    await setVm('guest', made.metadata.uid, 'Stopped', devices)
    await agent.gone(DISKS, 'root')
    await agent.gone(CLUSTER_IMAGES, 'cd')
    expect(await files('disks')).toEqual([])
    expect(await files('images', 'sha256')).toEqual([])
  })
})

describe('a new life', () => {
  it('goes on with a ready disk and image, removes unfinished files, keeps what has no object', async () => {
    const base = await readyImage()
    const child = await readyDisk('child', fromImage('base'))
    await agent.stop()
    const disks = join(agent.stateDir, 'disks')
    await writeFile(join(disks, '.tmp-0123'), 'half')
    await writeFile(join(disks, 'stranger.qcow2'), 'somebody wrote this')
    await writeFile(join(agent.stateDir, 'images', 'tmp', 'left'), 'half')
    agent = await startAgent({ stateDir: agent.stateDir })
    expect(await files('images', 'tmp')).toEqual([])
    expect(await files('disks')).toEqual([
      `${child.metadata.uid}.json`,
      `${child.metadata.uid}.qcow2`,
      'stranger.qcow2',
    ])
    expect(agent.logged.join('')).toContain('stranger.qcow2')
    expect(await agent.storage.volumes.disk(child.metadata.uid)).not.toBeNull()
    expect(await agent.storage.volumes.image(base.metadata.uid)).not.toBeNull()
  })

  it('ends a deletion that had begun', async () => {
    const ready = await readyDisk('half', { persistentVolumeClaim: { size: '1Mi' } })
    const { uid } = ready.metadata
    await agent.stop()
    const sidecar = join(agent.stateDir, 'disks', `${uid}.json`)
    await writeFile(sidecar, JSON.stringify({ ...JSON.parse(await readFile(sidecar, 'utf8')), state: 'deleting' }))
    await rm(join(agent.stateDir, 'disks', `${uid}.qcow2`))
    agent = await startAgent({ stateDir: agent.stateDir })
    const disks = await files('disks')
    expect(disks.filter((name) => name.includes('.tmp'))).toEqual([])
    expect(agent.storage.driver.get(uid)).toBeNull()
    // Its object is of an older database: what was on the disk is gone, and an empty one would not be it.
    await agent.until<VirtualDisk>(DISKS, 'half', phaseIs('PVCLost'))
    expect(await files('disks')).toEqual(disks)
  })
})
