// Images as objects: from the API to files, through bad downloads, without libvirt.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { CLUSTER_IMAGES, DISKS, IMAGES } from '../../../agent/names.ts'
import type { ClusterVirtualImage, VirtualDisk, VirtualImage } from '../../../schemas/index.ts'
import { nameIn, startAgent } from './agent.ts'
import { clusterImage, condition, disk, fromImage, image, phaseIs } from './objects.ts'
import { DISK_BYTES, gz } from './sources.ts'
import { POLL, storageSide } from './storage-side.ts'

const exec = promisify(execFile)
const here = storageSide()

describe('images', () => {
  it('an image becomes Ready with its facts', async () => {
    const ready = await here.readyImage()
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
    const volume = await here.agent.storage.volumes.image(ready.metadata.uid)
    expect(volume).toMatchObject({ format: 'qcow2', backing: [], cdrom: false, readonly: true })
    expect(volume?.sizeBytes).toBe(BigInt(DISK_BYTES))
  })

  it('a cluster image of an ISO is a CD-ROM, and no disk can be made from it', async () => {
    await here.agent.resources.create(CLUSTER_IMAGES, clusterImage('cd', here.server.file('/cd', here.sources.iso)))
    const ready = await here.agent.until<ClusterVirtualImage>(CLUSTER_IMAGES, 'cd', phaseIs('Ready'))
    expect(ready.status).toMatchObject({ cdrom: true, format: 'iso', usedInNamespaces: [] })
    expect(await here.agent.storage.volumes.image(ready.metadata.uid)).toMatchObject({ format: 'raw', cdrom: true })
    await here.agent.resources.create(DISKS, disk('from-cd', fromImage('cd', 'ClusterVirtualImage')))
    const failed = await here.agent.until<VirtualDisk>(DISKS, 'from-cd', phaseIs('Failed'))
    expect(condition(failed, 'Ready')).toMatchObject({ reason: 'ProvisioningFailed', message: /ISO/ })
    expect(await here.files('disks')).toEqual([])
  })

  it('progress is seen while the download runs; deletion cancels it and leaves nothing', async () => {
    const url = here.server.route('/slow', (_request, response) => {
      response.writeHead(200, { 'content-length': 1_000_000 }).write(Buffer.alloc(400_000, 1))
      const timer = setInterval(() => response.write('x'), 100)
      response.on('close', () => clearInterval(timer))
    })
    await here.agent.resources.create(IMAGES, image('slow', url))
    const running = await here.agent.until<VirtualImage>(IMAGES, 'slow', ({ status }) => status?.progress === '36%')
    expect(running.status?.phase).toBe('Provisioning')
    expect(condition(running, 'Ready')).toMatchObject({ status: 'False', reason: 'Provisioning' })
    expect(await here.files('images', 'tmp')).toHaveLength(1)
    await here.agent.resources.delete(IMAGES, nameIn(IMAGES, 'slow'))
    await here.agent.gone(IMAGES, 'slow')
    expect(await here.files('images', 'tmp')).toEqual([])
    expect(await here.files('images', 'objects')).toEqual([])
  })

  it('a changed source ends the running download and takes the new one', async () => {
    const stuck = here.server.route('/stuck', (_request, response) => {
      response.writeHead(200, { 'content-length': 1_000_000 })
      const timer = setInterval(() => response.write('x'), 100)
      response.on('close', () => clearInterval(timer))
    })
    await here.agent.resources.create(IMAGES, image('moving', stuck))
    await here.agent.until(IMAGES, 'moving', phaseIs('Provisioning'))
    await here.agent.resources.modify<VirtualImage>(IMAGES, nameIn(IMAGES, 'moving'), (object) => ({
      ...object,
      spec: image('moving', here.server.file('/good', here.sources.vdi)).spec as VirtualImage['spec'],
    }))
    const ready = await here.agent.until<VirtualImage>(IMAGES, 'moving', phaseIs('Ready'))
    expect(ready.status).toMatchObject({ format: 'vdi', observedGeneration: 2 })
  })

  it('at most two imports run at a time, and the others say that they wait', async () => {
    const open: (() => void)[] = []
    const url = here.server.route('/gate', (_request, response) => {
      open.push(() => response.writeHead(200, { 'content-length': here.sources.qcow2.length }).end(here.sources.qcow2))
    })
    for (const name of ['one', 'two', 'three']) await here.agent.resources.create(IMAGES, image(name, url))
    const waiting = await here.agent.until<VirtualImage>(IMAGES, 'three', phaseIs('Pending'))
    await expect.poll(() => open.length, POLL).toBe(2)
    await here.agent.until(IMAGES, 'three', (object) =>
      /2 imports come first/.test(condition(object, 'Ready')?.message ?? ''),
    )
    expect(condition(waiting, 'Ready')?.reason).toBe('ProvisioningNotStarted')
    for (const go of open.splice(0)) go()
    await expect.poll(() => open.length, POLL).toBe(1)
    for (const go of open.splice(0)) go()
    for (const name of ['one', 'two', 'three']) await here.agent.until(IMAGES, name, phaseIs('Ready'))
  })
})

describe('bad downloads end in words', () => {
  const cases: readonly [string, RegExp, () => string, object?][] = [
    ['404', /answered 404/, () => `${here.server.origin}/none`],
    [
      'wrong checksum',
      /md5 checksum is wrong/,
      () => here.server.file('/x', here.sources.raw),
      { checksum: { md5: '0'.repeat(32) } },
    ],
    [
      'gzip bomb',
      /unpacks to more than importer.maxVirtualBytes/,
      () => here.server.file('/x', gz(Buffer.alloc(70 << 20))),
    ],
    ['own address', /is a loopback address/, () => 'https://127.0.0.1:8750/x'],
    [
      'redirect to loopback',
      /is a loopback address/,
      () => here.server.route('/x', (_q, r) => r.writeHead(302, { location: 'http://[::ffff:127.0.0.1]:1/x' }).end()),
    ],
    [
      'redirect loop',
      /more than 5 redirects/,
      () => here.server.route('/x', (_q, r) => r.writeHead(302, { location: '/x' }).end()),
    ],
    [
      'endless',
      /too large/,
      () =>
        here.server.route('/x', (_q, r) => {
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
      await here.agent.stop()
      here.agent = await startAgent({
        stateDir: here.agent.stateDir,
        importer: { allow: [`127.0.0.1:${here.server.port}`], maxVirtualBytes: '64Mi', maxBytes: '64Mi' },
      })
      await here.agent.resources.create(IMAGES, image('bad', url(), http))
      const failed = await here.agent.until<VirtualImage>(IMAGES, 'bad', phaseIs('Failed'))
      expect(condition(failed, 'Ready')).toMatchObject({ status: 'False', reason: 'ProvisioningFailed' })
      expect(condition(failed, 'Ready')?.message).toMatch(words)
      expect(await here.files('images', 'tmp')).toEqual([])
      expect(await here.files('images', 'sha256')).toEqual([])
      const spec = image('bad', here.server.file('/good', here.sources.qcow2)).spec as VirtualImage['spec']
      await here.agent.resources.modify<VirtualImage>(IMAGES, nameIn(IMAGES, 'bad'), (object) => ({ ...object, spec }))
      await here.agent.until(IMAGES, 'bad', phaseIs('Ready'))
    })
  }

  it('a stalled or cut download is tried again and then works', async () => {
    await here.agent.stop()
    here.agent = await startAgent({
      stateDir: here.agent.stateDir,
      importer: { allow: [`127.0.0.1:${here.server.port}`], stallTimeoutSeconds: 1 },
    })
    let tries = 0
    const url = here.server.route('/x', (_request, response) => {
      tries += 1
      response.writeHead(200, { 'content-length': here.sources.qcow2.length })
      if (tries === 1) response.write('some')
      else response.end(here.sources.qcow2)
    })
    await here.agent.resources.create(IMAGES, image('flaky', url))
    const failed = await here.agent.until<VirtualImage>(IMAGES, 'flaky', phaseIs('Failed'))
    expect(condition(failed, 'Ready')?.message).toMatch(/stalled: no data for 1 s; attempt 1 failed, the next is at 20/)
    expect(await here.files('images', 'tmp')).toEqual([])
    await here.agent.until(IMAGES, 'flaky', phaseIs('Ready'))
    expect(tries).toBe(2)
  })

  it('a disk with a backing file of the host never gets one', async () => {
    const path = join(here.dir, 'evil.qcow2')
    await exec('qemu-img', ['create', '-q', '-u', '-f', 'qcow2', '-b', '/etc/passwd', '-F', 'raw', path, '8M'])
    const url = here.server.file('/evil', await readFile(path))
    await here.agent.resources.create(DISKS, disk('evil', { dataSource: { type: 'HTTP', http: { url } } }))
    const failed = await here.agent.until<VirtualDisk>(DISKS, 'evil', phaseIs('Failed'))
    expect(condition(failed, 'Ready')?.message).toMatch(/backing file/)
    expect(await here.agent.storage.volumes.disk(failed.metadata.uid)).toBeNull()
    expect(await here.files('disks')).toEqual([])
  })
})
