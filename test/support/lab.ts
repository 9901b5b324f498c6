// Labs of `scripts/lab` for tests: hosts with libvirtd and agent of their own, files that they can download, evidence after a
// failure. The agents run from dist/: `npm run build` first.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { inject, type TestContext } from 'vitest'
import { LabHost } from './lab-host.ts'
import { endLab, type LabPlace, labPlace, listen, ROOT, scriptsLab } from './lab-place.ts'
import { Served } from './served.ts'

/** Where a failed test leaves what can explain it; `scripts/test` empties it. */
export const RESULTS = join(ROOT, 'test-results')
const GUEST_FOLDER = join(ROOT, '.cache/guest')
const COLLECT_MS = 60_000

declare module 'vitest' {
  interface ProvidedContext {
    /** Place of the lab that all test files of a project share; made by shared-lab.ts. */
    sharedLab: LabPlace
  }
}

export interface Lab {
  readonly dir: string
  /** The lab's own address, seen from its hosts. */
  readonly gateway: string
  /** h1, h2, … */
  readonly hosts: readonly LabHost[]
  /** The first of them. */
  readonly host: LabHost
  /** What the hosts can download; `guest.qcow2` is there. */
  readonly served: Served
  /** Ends what lives in this process (connections, file server); the hosts go on. */
  close(): Promise<void>
  /** {@link close}, then ends the hosts and removes their folder. */
  down(): Promise<void>
}

/** The project's own lab with one host: brought up by the first test file that asks, ended after the last. */
export const sharedLab = (): Promise<Lab> => openLab(1, inject('sharedLab'))

/** A lab of `count` hosts, brought up or found; resolves when every agent is ready. Without a place it gets a new one. */
export async function openLab(count: number, place?: LabPlace): Promise<Lab> {
  const { dir, port } = place ?? (await labPlace())
  const image = await guestImage()
  await scriptsLab(['up', String(count), '--dir', dir, '--allow', `gateway:${port}`])
  const gateway = /^gateway=(.*)$/m.exec(readFileSync(join(dir, 'lab.env'), 'utf8'))?.[1]
  const hosts = Array.from({ length: count }, (_, index) => new LabHost(dir, `h${index + 1}`))
  const [host] = hosts
  if (gateway === undefined || host === undefined) throw new Error(`no lab in ${dir}`)
  const served = new Served(`http://${gateway}:${port}`)
  served.file('guest.qcow2', image)
  const server = await listen(
    createServer((request, response) => served.answer(request, response)),
    gateway,
    port,
  )
  const close = async () => {
    await Promise.all(hosts.map(({ client }) => client.close()))
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  const down = async () => {
    await close()
    await endLab(dir)
  }
  return { dir, gateway, hosts, host, served, close, down }
}

/** For `beforeEach`: after a failure the hosts' logs, definitions and databases are in test-results/<name of the test>. */
export function keepEvidence({ task, onTestFailed }: TestContext, hosts: readonly LabHost[]): void {
  onTestFailed(async () => {
    const folder = join(RESULTS, `${task.file.name} ${task.name}`.replaceAll(/[^\w.-]+/g, '-').slice(0, 120))
    for (const host of hosts) {
      const into = join(folder, host.name)
      mkdirSync(into, { recursive: true })
      await host.collect(into)
    }
    process.stderr.write(`what the hosts left is in ${folder}\n`)
  }, COLLECT_MS)
}

/** The small bootable guest, built once per checkout. */
async function guestImage(): Promise<string> {
  const path = (await scriptsLab(['image', '--dir', GUEST_FOLDER])).trim().split('\n').at(-1)
  if (path === undefined || !existsSync(path)) throw new Error('scripts/lab image printed no path')
  return path
}
