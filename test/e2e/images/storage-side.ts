// An agent's storage side and a server of images for each test of a file, and what these tests ask of both.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { DISKS, IMAGES } from '../../../agent/names.ts'
import type { VirtualDisk, VirtualImage } from '../../../schemas/index.ts'
import { startAgent, type TestAgent } from './agent.ts'
import { disk, image, phaseIs } from './objects.ts'
import { startServer, type TestServer } from './server.ts'
import { makeSources, type Sources } from './sources.ts'

const exec = promisify(execFile)

/** A busy machine takes its time. */
export const POLL = { timeout: 60_000 }

export class StorageSide {
  /** A folder of the file's, gone at its end. */
  dir = ''
  /** The images that tests serve, made once for a file. */
  sources!: Sources
  /** Serves images; another one for each test. */
  server!: TestServer
  /** Another one for each test, which may put a further one in its place; the last one is stopped. */
  agent!: TestAgent

  /** Names of the files in this folder of the agent's state. */
  files(...parts: string[]): Promise<string[]> {
    return readdir(join(this.agent.stateDir, ...parts))
  }

  /** What qemu-img says of a qcow2 file. */
  async info(path: string): Promise<Record<string, unknown>> {
    const { stdout } = await exec('qemu-img', ['info', '--output=json', '-f', 'qcow2', path])
    return JSON.parse(stdout)
  }

  async readyImage(name = 'base'): Promise<VirtualImage> {
    await this.agent.resources.create(IMAGES, image(name, this.server.file(`/${name}`, this.sources.qcow2)))
    return this.agent.until<VirtualImage>(IMAGES, name, phaseIs('Ready'))
  }

  async readyDisk(name: string, spec: object): Promise<VirtualDisk> {
    await this.agent.resources.create(DISKS, disk(name, spec))
    return this.agent.until<VirtualDisk>(DISKS, name, phaseIs('Ready'))
  }
}

/** Call it at the top of a test file. */
export function storageSide(): StorageSide {
  const side = new StorageSide()
  beforeAll(async () => {
    side.dir = await mkdtemp(join(tmpdir(), 'berth-storage-'))
    side.sources = await makeSources(side.dir)
  })
  afterAll(() => rm(side.dir, { recursive: true, force: true }))
  beforeEach(async () => {
    side.server = await startServer()
    side.agent = await startAgent({
      stateDir: await mkdtemp(join(side.dir, 'state-')),
      importer: { allow: [`127.0.0.1:${side.server.port}`] },
    })
  })
  afterEach(async () => {
    await side.agent.stop()
    await side.server.close()
  })
  return side
}
