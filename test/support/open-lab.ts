// A lab for a test or another program: its hosts, and files that they can download. Imports nothing of vitest. The agents run from
// dist/: `npm run build` first.
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { LabHost } from './lab-host.ts'
import { endLab, type LabPlace, labPlace, listen, ROOT, scriptsLab } from './lab-place.ts'
import { Served } from './served.ts'

/** Where a failed run leaves what can explain it; `scripts/test` empties it. */
export const RESULTS = join(ROOT, 'test-results')
const GUEST_FOLDER = join(ROOT, '.cache/guest')

export interface LabOptions {
  /** A program in the place of berth-agent. */
  readonly agent?: string
  /** A program in the place of berth-scheduler. */
  readonly schedulerProgram?: string
  /** Seconds between the end of an agent or scheduler and the next one's start; 1 as in production when left out. */
  readonly pauseSeconds?: number
  /** A scheduler too, which the hosts join. */
  readonly scheduler?: boolean
  /** QEMU takes no locks on disks. */
  readonly unlocked?: boolean
}

export interface Lab {
  readonly dir: string
  /** In the names of its interfaces and namespaces. */
  readonly run: string
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

/** A lab of `count` hosts, brought up or found; resolves when every agent is ready. Without a place it gets a new one. */
export async function openLab(count: number, place?: LabPlace, options: LabOptions = {}): Promise<Lab> {
  const { dir, port } = place ?? (await labPlace())
  const image = await guestImage()
  await scriptsLab(['up', String(count), '--dir', dir, '--allow', `gateway:${port}`, ...flagsOf(options)])
  const facts = readFileSync(join(dir, 'lab.env'), 'utf8')
  const gateway = /^gateway=(.*)$/m.exec(facts)?.[1]
  const run = /^run=(.*)$/m.exec(facts)?.[1] ?? ''
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
  return { dir, run, gateway, hosts, host, served, close, down }
}

/** Those of `scripts/lab up`. */
export const flagsOf = ({
  agent,
  schedulerProgram,
  pauseSeconds,
  scheduler,
  unlocked,
}: LabOptions): readonly string[] => [
  ...(agent === undefined ? [] : ['--agent', agent]),
  ...(schedulerProgram === undefined ? [] : ['--scheduler-program', schedulerProgram]),
  ...(pauseSeconds === undefined ? [] : ['--agent-pause', String(pauseSeconds)]),
  ...(scheduler ? ['--scheduler'] : []),
  ...(unlocked ? ['--unlocked'] : []),
]

/** The small bootable guest, built once per checkout. */
async function guestImage(): Promise<string> {
  const path = (await scriptsLab(['image', '--dir', GUEST_FOLDER])).trim().split('\n').at(-1)
  if (path === undefined || !existsSync(path)) throw new Error('scripts/lab image printed no path')
  return path
}
