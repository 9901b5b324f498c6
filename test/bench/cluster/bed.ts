// One real scheduler process on a core of its own, and a fleet of agents' stand-ins on the others.
import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Client } from '../../../lib/client/client.ts'
import { socketTarget } from '../../../lib/client/target.ts'
import { freePort } from '../../support/lab-place.ts'
import type { FleetAsk, FleetFigures } from './fleet.ts'

export interface BedSize {
  readonly hosts: number
  readonly perHost: number
}

export interface Bed extends BedSize {
  readonly socket: string
  readonly client: Client
  /** Of the scheduler. */
  readonly pid: number
  readonly fleet: (ask: FleetAsk) => Promise<FleetFigures>
}

const READY_MS = 300_000
const ENDS_MS = 20_000

/** Cores for the scheduler, and for all others; null where there is one alone. */
function cores(): { readonly scheduler: string; readonly others: string } | null {
  const last = cpus().length - 1
  return last < 1 ? null : { scheduler: String(last), others: `0-${last - 1}` }
}

/** This process, all its threads, and whatever it starts from now on. */
const pin = (on: string): void => {
  execFileSync('taskset', ['-apc', on, String(process.pid)], { stdio: 'ignore' })
}

export async function withBed<T>(
  size: BedSize,
  say: (text: string) => void,
  use: (bed: Bed) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-fleet-'))
  const pinned = cores()
  const ends: (() => Promise<unknown> | unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
  try {
    if (pinned !== null) {
      pin(pinned.others)
      ends.push(() => pin(`0-${pinned.scheduler}`))
    }
    const stateDir = join(folder, 'state')
    const child = fork(fileURLToPath(new URL('./fleet.js', import.meta.url)), [], {
      execArgv: ['--max-old-space-size=6144'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    ends.unshift(() => ended(child, () => child.disconnect()))
    const fleet = fleetOf(child)
    await fleet(null)
    await fleet({ ask: 'prepare', stateDir, ...size })
    say(`${size.hosts} hosts with ${size.perHost} machines each are prepared`)
    const port = await freePort()
    const socket = join(folder, 'scheduler.sock')
    const config = join(folder, 'scheduler.yaml')
    const log = join(folder, 'scheduler.log')
    writeFileSync(config, JSON.stringify({ stateDir, socketPath: socket, listen: [`127.0.0.1:${port}`] }))
    const program = [...schedulerProgram(), '--config', config]
    const [command = '', ...words] = pinned === null ? program : ['taskset', '-c', pinned.scheduler, ...program]
    const out = openSync(log, 'w')
    const scheduler = spawn(command, words, { stdio: ['ignore', out, out] })
    ends.unshift(() => ended(scheduler, () => scheduler.kill('SIGTERM')))
    const client = new Client(socketTarget(socket), 'berth-bench/1')
    ends.unshift(() => client.close())
    const tail = () => readFileSync(log, 'utf8').slice(-3000)
    await until('the scheduler answers', () => answers(client), scheduler, tail)
    await fleet({ ask: 'lease', port })
    await until('all hosts are followed', () => allHeard(client, size.hosts), scheduler, tail)
    say('the scheduler rules and follows all hosts')
    const bed: Bed = {
      ...size,
      socket,
      client,
      pid: scheduler.pid ?? 0,
      fleet: (ask) => fleet(ask),
    }
    return await use(bed)
  } finally {
    for (const end of ends) await end()
  }
}

/** With BERTH_BENCH_PROFILE the scheduler writes a CPU profile into that folder when it ends. */
function schedulerProgram(): readonly string[] {
  const { BERTH_BENCH_PROFILE: folder } = process.env
  const program = fileURLToPath(new URL('../../../../bin/berth-scheduler', import.meta.url))
  return folder === undefined ? [program] : [process.execPath, '--cpu-prof', `--cpu-prof-dir=${folder}`, program]
}

const answers = async (client: Client): Promise<boolean> =>
  (await client.transport.bytes({ path: '/readyz' })).toString() !== ''

const HEARD = /^berth_reconcile_queue_depth\{[^}]*\} (\d+)/gm

/** Every link is up and nothing waits to be done. */
async function allHeard(client: Client, hosts: number): Promise<boolean> {
  const { hosts: explained } = (await client.transport.json({
    method: 'POST',
    path: '/apis/cluster.berth/v1/namespaces/default/placementexplanations',
    body: { apiVersion: 'cluster.berth/v1', kind: 'PlacementExplanation', metadata: {}, name: 'old-0' },
    timeoutMs: 60_000,
  })) as { readonly hosts: readonly { readonly reasons?: readonly string[] }[] }
  const unheard = explained.filter(({ reasons = [] }) =>
    reasons.some((words) => /cannot be followed|not heard|has not/.test(words)),
  )
  if (explained.length !== hosts || unheard.length > 0) return false
  const metrics = (await client.transport.bytes({ path: '/metrics', accept: 'text/plain' })).toString()
  return [...metrics.matchAll(HEARD)].every(([, depth]) => depth === '0')
}

async function until(
  what: string,
  look: () => Promise<boolean>,
  child: ChildProcess,
  seen: () => string,
): Promise<void> {
  const deadline = performance.now() + READY_MS
  let last = ''
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the scheduler ended with ${child.exitCode}\n${seen()}`)
    const good = await look().catch((error: unknown) => {
      last = String(error)
      return false
    })
    if (good) return
    await sleep(500)
  }
  throw new Error(`not within ${READY_MS / 1000} s: ${what} (${last})\n${seen()}`)
}

function fleetOf(child: ChildProcess): (ask: FleetAsk | null) => Promise<FleetFigures> {
  return (ask) =>
    new Promise((resolve, reject) => {
      const end = (act: () => void) => {
        child.off('message', told)
        child.off('exit', gone)
        act()
      }
      const told = (message: unknown) => {
        const { value, error } = message as { readonly value?: FleetFigures; readonly error?: string }
        end(() => (error === undefined ? resolve(value as FleetFigures) : reject(new Error(error))))
      }
      const gone = (code: number | null) => end(() => reject(new Error(`the fleet ended with ${code}`)))
      child.on('message', told)
      child.on('exit', gone)
      if (ask !== null) child.send(ask)
    })
}

async function ended(child: ChildProcess, end: () => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const over = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  end()
  const cut = setTimeout(() => child.kill('SIGKILL'), ENDS_MS)
  await over
  clearTimeout(cut)
}
