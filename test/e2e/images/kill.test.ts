// SIGKILL in the middle of an import, and disks left half made: the next life ends the work and nothing remains of the first.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DISKS, IMAGES } from '../../../agent/names.ts'
import type { DiskState } from '../../../agent/storage/disk-record.ts'
import { DiskRecords } from '../../../agent/storage/disk-records.ts'
import { openStorage } from '../../../agent/storage/index.ts'
import { systemClock } from '../../../lib/clock.ts'
import { silentLog } from '../../../lib/reconcile/log.ts'
import { startAgent } from './agent.ts'
import { disk, image, phaseIs } from './objects.ts'
import { startServer, type TestServer } from './server.ts'
import { makeSources, type Sources, xz } from './sources.ts'

const exec = promisify(execFile)

/** A busy machine takes its time. */
const POLL = { timeout: 60_000 }

let dir: string
let sources: Sources
let server: TestServer
let stateDir: string
let child: ChildProcess | undefined

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-kill-'))
  sources = await makeSources(dir)
})
afterAll(() => rm(dir, { recursive: true, force: true }))
beforeEach(async () => {
  server = await startServer()
  stateDir = await mkdtemp(join(dir, 'state-'))
})
afterEach(async () => {
  child?.kill('SIGKILL')
  await server.close()
})

async function startChild(): Promise<ChildProcess> {
  const script = join(import.meta.dirname, 'agent-child.ts')
  const started = spawn(process.execPath, ['--import', 'tsx', script, stateDir, String(server.port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child = started
  await new Promise<void>((resolve, reject) => {
    started.stdout?.once('data', () => resolve())
    started.once('exit', (code) => reject(new Error(`the child ended with ${code}`)))
  })
  return started
}

async function killed(target: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => target.once('exit', resolve))
  target.kill('SIGKILL')
  await ended
}

/** Processes whose root folder is below the state folder: what a confined program looks like from outside. */
async function confined(): Promise<string[]> {
  const { stdout } = await exec('ps', ['-eo', 'args'])
  return stdout.split('\n').filter((line) => line.includes(join(stateDir, 'images', 'tmp')))
}

describe('an agent killed in the middle of an import', () => {
  for (const packing of ['plain', 'xz'] as const) {
    it(`${packing}: begins again, ends Ready, nothing of the first try remains`, async () => {
      const bytes = packing === 'xz' ? await xz(dir, sources.qcow2) : sources.qcow2
      let tries = 0
      const url = server.route('/image', (_request, response) => {
        tries += 1
        response.writeHead(200, { 'content-length': bytes.length })
        if (tries === 1) response.write(bytes.subarray(0, bytes.length / 2))
        else response.end(bytes)
      })
      const first = await startAgent({ stateDir })
      await first.resources.create(IMAGES, {
        ...image('image', url),
        metadata: { name: 'image', namespace: 'default' },
      })
      await first.resources.create(
        DISKS,
        disk('disk', { dataSource: { type: 'HTTP', http: { url: server.file('/disk', sources.raw) } } }),
      )
      await first.stop()
      const victim = await startChild()
      await expect.poll(() => tries, POLL).toBeGreaterThan(0)
      await expect.poll(() => readdir(join(stateDir, 'images', 'tmp')), POLL).not.toEqual([])
      if (packing === 'xz') await expect.poll(confined, POLL).not.toEqual([])
      await killed(victim)
      // Confined programs end with their agent.
      await expect.poll(confined, POLL).toEqual([])
      tries = 1
      const second = await startAgent({ stateDir, importer: { allow: [`127.0.0.1:${server.port}`] } })
      try {
        await second.until(IMAGES, 'image', phaseIs('Ready'))
        await second.until(DISKS, 'disk', phaseIs('Ready'))
        await expect.poll(() => readdir(join(stateDir, 'images', 'tmp')), POLL).toEqual([])
        expect(await readdir(join(stateDir, 'images', 'sha256'))).toHaveLength(2)
        expect(await readdir(join(stateDir, 'images', 'objects'))).toHaveLength(2)
      } finally {
        await second.stop()
      }
    })
  }
})

describe('a disk left in the middle of something', () => {
  const uid = '11111111-2222-3333-4444-555555555555'
  const importer = {
    allow: [],
    maxBytes: 1n << 30n,
    maxVirtualBytes: 1n << 30n,
    stallTimeoutMs: 1000,
    totalTimeoutMs: 1000,
    concurrency: 1,
  }
  const open = () => openStorage({ stateDir, importer, clock: systemClock, log: silentLog })

  /** The sidecar and files as a killed agent leaves them. */
  async function leave(state: DiskState, files: readonly ('disk' | 'temp')[]): Promise<void> {
    const folder = join(stateDir, 'disks')
    await mkdir(folder)
    const records = new DiskRecords(folder)
    await records.open()
    const path = join(folder, `${uid}.qcow2`)
    await records.put({ uid, state, path, sizeBytes: 1n << 20n, base: null, shared: false, object: {} })
    if (files.includes('disk')) await exec('qemu-img', ['create', '-q', '-f', 'qcow2', path, '1M'])
    if (files.includes('temp')) await writeFile(join(folder, '.tmp-00'), 'half')
  }

  const rows: readonly [DiskState, readonly ('disk' | 'temp')[]][] = [
    ['making', []],
    ['making', ['temp']],
    ['making', ['disk']],
    ['deleting', ['disk']],
    ['deleting', []],
  ]
  for (const [state, files] of rows) {
    it(`${state} with ${files.join(', ') || 'no file'}, the object gone: nothing remains`, async () => {
      await leave(state, files)
      const storage = await open()
      const report = await storage.sweep(new Set(), [])
      expect(report).toMatchObject({ orphans: [], removedDisks: [join(stateDir, 'disks', `${uid}.qcow2`)] })
      expect(await readdir(join(stateDir, 'disks'))).toEqual([])
    })
    it(`${state} with ${files.join(', ') || 'no file'}, the object there: it can be made`, async () => {
      await leave(state, files)
      const storage = await open()
      await storage.sweep(new Set([uid]), [])
      const made = await storage.driver.create(
        { uid, folder: stateDir, sizeBytes: 1n << 20n, base: null, shared: false, object: {} },
        AbortSignal.timeout(10_000),
      )
      expect(made?.state).toBe('ready')
      expect(await readdir(join(stateDir, 'disks'))).toEqual([`${uid}.json`, `${uid}.qcow2`])
    })
  }

  it('ready without object: kept and reported, and its removal can still be asked for', async () => {
    await leave('ready', ['disk'])
    const storage = await open()
    expect(await storage.sweep(new Set(), [])).toMatchObject({
      removedDisks: [],
      orphans: [join(stateDir, 'disks', `${uid}.qcow2`)],
    })
    await storage.driver.remove(uid)
    await storage.driver.remove(uid)
    expect(await readdir(join(stateDir, 'disks'))).toEqual([])
  })
})
