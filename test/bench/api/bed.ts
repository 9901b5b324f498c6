// Both servers, a folder for their files, and how much is done.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CpuSpent } from '../figures.ts'
import { Child } from './child.ts'
import { DISK_PATH } from './objects.ts'
import { requestBytes, Wire } from './wire.ts'

export interface Bed {
  readonly folder: string
  readonly api: Child
  readonly bare: Child
  readonly scale: ApiScale
  readonly say: (text: string) => void
}

export interface ApiScale {
  /** Objects that are there. */
  readonly objects: number
  /** Pairs of each row, and how long each half of one takes. */
  readonly pairs: number
  readonly ms: number
  readonly lists: number
  readonly watchers: number
  readonly emits: number
  readonly manyWatches: number
}

export const FULL: ApiScale = {
  objects: 5_000,
  pairs: 9,
  ms: 1_500,
  lists: 7,
  watchers: 1_000,
  emits: 15,
  manyWatches: 10_000,
}

/** Shows that everything works; the figures mean nothing. */
export const QUICK: ApiScale = {
  objects: 200,
  pairs: 2,
  ms: 200,
  lists: 2,
  watchers: 50,
  emits: 3,
  manyWatches: 200,
}

export async function withBed<T>(
  scale: ApiScale,
  say: (text: string) => void,
  use: (bed: Bed) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-bench-'))
  const children: Child[] = []
  try {
    const api = await Child.start('api', folder)
    children.push(api)
    const bare = await Child.start('bare', folder)
    children.push(bare)
    await api.ask({ ask: 'seed', count: scale.objects })
    say(`${scale.objects} objects are stored`)
    const wire = await Wire.open(api.socket)
    const one = await wire.send(requestBytes('GET', `${DISK_PATH}/seed-0`), 200)
    const list = await wire.send(requestBytes('GET', DISK_PATH), 200)
    wire.close()
    await bare.ask({ ask: 'serve', one: one.toString(), list: list.toString() })
    return await use({ folder, api, bare, scale, say })
  } finally {
    await Promise.all(children.map((child) => child.stop()))
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs `work` and says what CPU the server and this process spent on it. */
export async function spent<T>(server: Child, work: () => Promise<T>): Promise<{ result: T; cpu: CpuSpent }> {
  const [before, own] = [await server.ask({ ask: 'figures' }), process.cpuUsage()]
  const result = await work()
  const [after, { user, system }] = [await server.ask({ ask: 'figures' }), process.cpuUsage(own)]
  return { result, cpu: { agentMs: after.cpuMs - before.cpuMs, loadMs: (user + system) / 1000 } }
}
