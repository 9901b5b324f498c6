// The storage as a whole on a real folder: what is shared, collected, damaged or in the way.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { StoredImage } from '../../../agent/images/stored.ts'
import type { FileStep } from '../../../agent/seams.ts'
import { openStorage, type Storage, type StorageOptions } from '../../../agent/storage/index.ts'
import { systemClock } from '../../../lib/clock.ts'
import { silentLog } from '../../../lib/reconcile/log.ts'

const exec = promisify(execFile)
const MIB = 1n << 20n
const signal = AbortSignal.timeout(170_000)

let dir: string
let stateDir: string
let storage: Storage

const open = (more: Pick<StorageOptions, 'resizeLive' | 'onFileStep'> = {}) =>
  openStorage({
    stateDir,
    importer: { allow: [], maxBytes: MIB, maxVirtualBytes: MIB, stallTimeoutMs: 1, totalTimeoutMs: 1, concurrency: 1 },
    clock: systemClock,
    log: silentLog,
    ...more,
  })

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-store-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))
beforeEach(async () => {
  stateDir = await mkdtemp(join(dir, 'state-'))
  storage = await open()
})

/** A stored image of 8 MiB with `seed` in it, claimed by `uid`. */
async function place(uid: string, seed: string): Promise<StoredImage> {
  return storage.content.withRoom(async (room) => {
    const path = join(room.work, 'out')
    await exec('qemu-img', ['create', '-q', '-f', 'qcow2', path, '8M'])
    await exec('qemu-io', ['-f', 'qcow2', '-c', `write -P ${seed.charCodeAt(0)} 0 64k`, path])
    const facts = { format: 'qcow2', sourceFormat: 'raw', virtualSize: 8n * MIB, cdrom: false } as const
    return storage.content.place(path, facts, { uid, object: { seed } })
  })
}

const overlay = (uid: string, base: string, sizeBytes = 8n * MIB) =>
  storage.driver.create({ uid, folder: stateDir, sizeBytes, base, object: {} }, signal)

const stored = async () => (await readdir(join(stateDir, 'images', 'sha256'))).filter((name) => !name.endsWith('.json'))

describe('an import cut off while its result is taken in', () => {
  const rows: readonly (readonly [FileStep, boolean])[] = [
    ['image-described', false],
    ['image-placed', false],
    ['image-claimed', true],
  ]
  for (const [last, kept] of rows)
    it(`after ${last}: the next life has ${kept ? 'the claim with its file' : 'neither claim nor file'}`, async () => {
      // An error stands for the death: nothing after it is done.
      storage = await open({
        onFileStep: (step) => {
          if (step === last) throw new Error('the end')
        },
      })
      await expect(place('image', 'a')).rejects.toThrow('the end')
      storage = await open()
      await storage.sweep(new Set(['image']), [])
      const claim = storage.content.claim('image')
      expect(await stored()).toEqual(kept ? [claim?.digest] : [])
      expect(claim !== null).toBe(kept)
      expect(await readdir(join(stateDir, 'images', 'sha256'))).toHaveLength(kept ? 2 : 0)
    })
})

describe('sharing and collection', () => {
  it('an image is kept while a claim or a disk needs it', async () => {
    const { digest } = await place('image', 'a')
    await overlay('disk', digest)
    await storage.content.release('image')
    expect(await stored()).toEqual([digest])
    await storage.driver.remove('disk')
    expect(await stored()).toEqual([])
  })

  it('disks made while others go never lose their image: 40 of each at once', async () => {
    const { digest } = await place('image', 'a')
    await Promise.all(Array.from({ length: 40 }, (_, index) => overlay(`old-${index}`, digest)))
    await storage.content.release('image')
    const made = await Promise.all([
      ...Array.from({ length: 40 }, (_, index) => storage.driver.remove(`old-${index}`)),
      ...Array.from({ length: 40 }, (_, index) => overlay(`new-${index}`, digest)),
    ])
    const survivors = made.filter((record) => record !== undefined && record !== null)
    // Whoever was promised a disk has it, with its image; who came too late was told so.
    for (const { uid } of survivors) expect(await storage.volumes.disk(uid)).not.toBeNull()
    expect(survivors.length === 0 ? [] : [digest]).toEqual(await stored())
  })

  it('an overlay on a digest that is not stored is not made', async () => {
    expect(await overlay('disk', 'f'.repeat(64))).toBeNull()
    expect(await readdir(join(stateDir, 'disks'))).toEqual([])
  })

  it('a disk smaller than its image, or on an ISO, is refused and leaves no trace', async () => {
    const { digest } = await place('image', 'a')
    await expect(overlay('disk', digest, MIB)).rejects.toThrow('the disk is smaller than its image')
    const iso = await storage.content.withRoom(async (room) => {
      await writeFile(join(room.work, 'in'), 'iso')
      const facts = { format: 'raw', sourceFormat: 'iso', virtualSize: 3n, cdrom: true } as const
      return storage.content.place(join(room.work, 'in'), facts, { uid: 'iso', object: {} })
    })
    await expect(overlay('disk', iso.digest)).rejects.toThrow('an ISO image is no base for a disk')
    expect(await readdir(join(stateDir, 'disks'))).toEqual([])
  })

  it('QEMU of another user can read an image and pass to its disk, and list neither folder', async () => {
    const { digest } = await place('image', 'a')
    const disk = await overlay('disk', digest)
    const as = (...args: string[]) => exec('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', ...args])
    // The test's own folder is closed to others; what is below it must not be.
    await exec('chmod', ['711', dir, stateDir])
    await as('head', '-c', '4', storage.content.path(digest))
    await as('stat', disk?.path ?? '')
    await expect(as('ls', join(stateDir, 'disks'))).rejects.toThrow(/Permission denied/)
    await expect(as('ls', join(stateDir, 'images', 'sha256'))).rejects.toThrow(/Permission denied/)
    await expect(as('cat', join(stateDir, 'disks', 'disk.json'))).rejects.toThrow(/Permission denied/)
  })
})

describe('growth', () => {
  const create = () =>
    storage.driver.create({ uid: 'disk', folder: stateDir, sizeBytes: MIB, base: null, object: {} }, signal)
  const size = async () =>
    JSON.parse(
      (await exec('qemu-img', ['info', '--output=json', '-f', 'qcow2', join(stateDir, 'disks/disk.qcow2')])).stdout,
    )['virtual-size']

  it('offline, repeated without harm, never down', async () => {
    await create()
    for (const bytes of [2n * MIB, 2n * MIB, MIB])
      expect(await storage.driver.grow('disk', bytes, false, signal)).toBe(true)
    expect(await size()).toBe(2 << 20)
    expect((await open()).driver.get('disk')?.sizeBytes).toBe(2n * MIB)
  })

  it('goes through QEMU when a VM runs with it; the file is left to that', async () => {
    await create()
    const asked: [string, bigint][] = []
    storage = await open({
      resizeLive: async (uid, bytes) => {
        asked.push([uid, bytes])
        return true
      },
    })
    expect(await storage.driver.grow('disk', 3n * MIB, true, signal)).toBe(true)
    expect(asked).toEqual([['disk', 3n * MIB]])
    expect(await size()).toBe(1 << 20)
    expect(storage.driver.get('disk')?.sizeBytes).toBe(3n * MIB)
  })

  it('waits when a VM has it and cannot grow it now', async () => {
    await create()
    storage = await open({ resizeLive: async () => false })
    expect(await storage.driver.grow('disk', 3n * MIB, true, signal)).toBe(false)
    expect(await size()).toBe(1 << 20)
    expect(storage.driver.get('disk')?.sizeBytes).toBe(MIB)
  })
})

describe('a guest that writes a header into its disk', () => {
  it('is never believed: formats and chain come from the sidecar', async () => {
    const { digest } = await place('image', 'a')
    const disk = await overlay('disk', digest)
    const evil = join(dir, 'evil.qcow2')
    await exec('qemu-img', ['create', '-q', '-u', '-f', 'qcow2', '-b', '/etc/passwd', '-F', 'raw', evil, '8M'])
    const header = (await readFile(evil)).subarray(0, 65_536)
    const pattern = join(dir, 'pattern')
    await writeFile(pattern, header)
    await exec('qemu-io', ['-f', 'qcow2', '-c', `write -s ${pattern} 0 64k`, disk?.path ?? ''])
    expect((await storage.volumes.disk('disk'))?.backing).toEqual([
      { path: storage.content.path(digest), format: 'qcow2' },
    ])
    await storage.driver.grow('disk', 16n * MIB, false, signal)
    expect((await storage.volumes.disk('disk'))?.sizeBytes).toBe(16n * MIB)
  })
})

describe('damage', () => {
  it('a damaged sidecar of a disk: the others work, nothing is overwritten, nothing is collected', async () => {
    const { digest } = await place('image', 'a')
    await overlay('bad', digest)
    await overlay('good', digest)
    await storage.content.release('image')
    await writeFile(join(stateDir, 'disks', 'bad.json'), '{ broken')
    storage = await open()
    const report = await storage.sweep(new Set(['bad', 'good']), [])
    expect(report).toMatchObject({
      damaged: [join(stateDir, 'disks', 'bad.json')],
      orphans: [join(stateDir, 'disks', 'bad.qcow2')],
    })
    expect(await storage.volumes.disk('good')).not.toBeNull()
    expect(await storage.volumes.disk('bad')).toBeNull()
    const before = await stat(join(stateDir, 'disks', 'bad.qcow2'))
    await expect(overlay('bad', digest)).rejects.toThrow(/it is not overwritten/)
    expect((await stat(join(stateDir, 'disks', 'bad.qcow2'))).ino).toBe(before.ino)
    await storage.driver.remove('good')
    expect(await stored()).toEqual([digest])
  })

  it('a damaged claim: nothing is collected', async () => {
    const { digest } = await place('image', 'a')
    await writeFile(join(stateDir, 'images', 'objects', 'image.json'), '')
    storage = await open()
    expect((await storage.sweep(new Set(['image']), [])).damaged).toEqual([join(stateDir, 'images/objects/image.json')])
    expect(await stored()).toEqual([digest])
  })

  it('an image file that is gone: its disks say so, and come back with it', async () => {
    const { digest } = await place('image', 'a')
    const disk = await overlay('disk', digest)
    if (disk === null) throw new Error('no disk')
    const copy = await readFile(storage.content.path(digest))
    await unlink(storage.content.path(digest))
    expect(await storage.driver.present(disk)).toBe(false)
    expect(await storage.volumes.disk('disk')).toBeNull()
    await writeFile(storage.content.path(digest), copy)
    expect(await storage.volumes.disk('disk')).not.toBeNull()
  })
})

describe('a folder that several hosts have', () => {
  const folder = () => mkdtemp(join(dir, 'nfs-'))
  const make = (at: string, base: string | null) =>
    storage.driver.create({ uid: 'd', folder: at, sizeBytes: 16n * MIB, base, shared: true, object: { a: 1 } }, signal)

  it('has whole disks, which another host takes over and this one forgets', async () => {
    const nfs = await folder()
    const image = await place('image', 'x')
    const record = await make(nfs, image.digest)
    expect(record).toMatchObject({ base: null, shared: true, sizeBytes: 16n * MIB })
    const path = record?.path ?? ''
    const { stdout } = await exec('qemu-img', ['info', '--output=json', '-f', 'qcow2', path])
    const info = JSON.parse(stdout)
    expect(info['virtual-size']).toBe(16 * 1048576)
    expect(info['backing-filename']).toBeUndefined()
    await exec('qemu-io', ['-f', 'qcow2', '-c', 'read -P 120 0 64k', path])
    // Nothing of it hangs on the image.
    await storage.content.release('image')
    expect(await stored()).toEqual([])

    const own = stateDir
    stateDir = await mkdtemp(join(dir, 'state-'))
    const other = await open()
    expect(await other.driver.adopt('d', nfs)).toEqual(record)
    expect(await other.driver.adopt('e', nfs)).toBeNull()
    await storage.driver.forget('d')
    expect(storage.driver.get('d')).toBeNull()
    expect((await stat(path)).size).toBeGreaterThan(0)
    // The next start of either host leaves what is in the folder to the other.
    stateDir = own
    const again = await open()
    await again.sweep(new Set(), [])
    await other.driver.grow('d', 32n * MIB, false, signal)
    expect(await again.driver.adopt('d', nfs)).toMatchObject({ sizeBytes: 32n * MIB })
    await again.driver.remove('d')
    expect(await readdir(join(nfs, 'disks'))).toEqual([])
  })

  it('never takes over what is half made, somebody else’s, or not shared', async () => {
    const nfs = await folder()
    await make(nfs, null)
    const sidecar = join(nfs, 'disks', 'd.json')
    const good = JSON.parse(await readFile(sidecar, 'utf8'))
    stateDir = await mkdtemp(join(dir, 'state-'))
    const other = await open()
    for (const bad of [{ state: 'making' }, { shared: false }, { path: '/etc/disks/d.qcow2' }]) {
      await writeFile(sidecar, JSON.stringify({ ...good, ...bad }))
      expect(await other.driver.adopt('d', nfs), JSON.stringify(bad)).toBeNull()
    }
    await writeFile(sidecar, '{')
    await expect(other.driver.adopt('d', nfs)).rejects.toThrow('d.json is not valid JSON')
  })
})
