// One real scheduler process on a core of its own, and a fleet of agents' stand-ins on the others.
import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../../../lib/client/client.ts'
import { socketTarget } from '../../../lib/client/target.ts'
import { freePort } from '../../support/lab-place.ts'
import type { FleetAsk, FleetFigures } from './fleet.ts'

export interface BedSize {
  readonly hosts: number
  /** Machines that run on each already. */
  readonly perHost: number
}

export interface BedOptions extends BedSize {
  /** The checkout, built. */
  readonly root: string
  /** A core of its own for the scheduler, as far as there are several: for who measures. */
  readonly pinned: boolean
  readonly say: (text: string) => void
}

export interface Bed extends BedSize {
  readonly socket: string
  readonly client: Client
  /** Of the scheduler. */
  readonly pid: number
  readonly fleet: (ask: FleetAsk) => Promise<FleetFigures>
}

/** A scheduler of a thousand hosts with fifty machines each reads them for minutes where others take turns on its core. */
const READY_MS = 900_000
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

/**
 * Everything is gone when this ends, also when the process is told to end meanwhile: then it throws.
 * @throws RangeError without hosts
 */
export async function withBed<T>(options: BedOptions, use: (bed: Bed) => Promise<T>): Promise<T> {
  if (options.hosts < 1) throw new RangeError('a bed has one host at least')
  const ends: (() => Promise<unknown> | unknown)[] = []
  const told = untilTold()
  try {
    return await Promise.race([told.end, make(options, ends).then(use)])
  } finally {
    told.forget()
    for (const end of ends.toReversed()) await end()
  }
}

/** Rejects when somebody wants this process to end. */
function untilTold(): { readonly end: Promise<never>; forget(): void } {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  let onSignal: (signal: NodeJS.Signals) => void = () => undefined
  const end = new Promise<never>((_, reject) => {
    onSignal = (signal) => reject(new Error(`ended by ${signal}`))
  })
  // It may come when nobody waits any more.
  end.catch(() => undefined)
  for (const signal of signals) process.once(signal, onSignal)
  return {
    end,
    forget: () => {
      for (const signal of signals) process.off(signal, onSignal)
    },
  }
}

/** @param ends gets what ends each part, as soon as there is one */
async function make(options: BedOptions, ends: (() => Promise<unknown> | unknown)[]): Promise<Bed> {
  const { root, hosts, perHost, say } = options
  const folder = mkdtempSync(join(tmpdir(), 'berth-fleet-'))
  ends.push(() => rmSync(folder, { recursive: true, force: true }))
  const pinned = options.pinned ? cores() : null
  if (pinned !== null) {
    pin(pinned.others)
    ends.push(() => pin(`0-${pinned.scheduler}`))
  }
  const stateDir = join(folder, 'state')
  const child = fork(join(root, 'dist/test/bench/cluster/fleet.js'), [], {
    execArgv: ['--max-old-space-size=6144'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  ends.push(() => ended(child, () => child.disconnect()))
  const fleet = fleetOf(child)
  await fleet(null)
  await fleet({ ask: 'prepare', stateDir, hosts, perHost })
  say(`${hosts} hosts with ${perHost} machines each are prepared`)
  const port = await freePort()
  const socket = join(folder, 'scheduler.sock')
  const config = join(folder, 'scheduler.yaml')
  const log = join(folder, 'scheduler.log')
  writeFileSync(config, JSON.stringify({ stateDir, socketPath: socket, listen: [`127.0.0.1:${port}`] }))
  const program = [...schedulerProgram(root), '--config', config]
  const [command = '', ...words] = pinned === null ? program : ['taskset', '-c', pinned.scheduler, ...program]
  const out = openSync(log, 'w')
  const scheduler = spawn(command, words, { stdio: ['ignore', out, out] })
  ends.push(() => ended(scheduler, () => scheduler.kill('SIGTERM')))
  const client = new Client(socketTarget(socket), 'berth-bench/1')
  ends.push(() => client.close())
  const tail = () => readFileSync(log, 'utf8').slice(-3000)
  await until('the scheduler answers', () => answers(client), scheduler, tail)
  await fleet({ ask: 'lease', port })
  await until('all hosts are followed', () => allFollowed(client, hosts), scheduler, tail)
  say('the scheduler rules and follows all hosts')
  return { hosts, perHost, socket, client, pid: scheduler.pid ?? 0, fleet: (ask) => fleet(ask) }
}

/** With BERTH_BENCH_PROFILE the scheduler writes a CPU profile into that folder when it ends; BERTH_BENCH_NODE has more words for its Node. */
function schedulerProgram(root: string): readonly string[] {
  const { BERTH_BENCH_PROFILE: folder, BERTH_BENCH_NODE: more = '' } = process.env
  const program = join(root, 'bin/berth-scheduler')
  const words = [
    ...more.split(' ').filter((word) => word !== ''),
    ...(folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`]),
  ]
  return words.length === 0 ? [program] : [process.execPath, ...words, program]
}

const answers = async (client: Client): Promise<boolean> =>
  (await client.transport.bytes({ path: '/readyz' })).toString() !== ''

/** Values of a metric over all its series that have these labels. */
export async function metric(client: Client, name: string, labels = ''): Promise<readonly number[]> {
  const text = (await client.transport.bytes({ path: '/metrics', accept: 'text/plain' })).toString()
  const line = new RegExp(`^${name}(?:\\{[^}]*${labels}[^}]*\\})? ([^ ]+)$`, 'gm')
  return [...text.matchAll(line)].map(([, value]) => Number(value))
}

/** Every host is ready, every link is up, and nothing waits to be done. */
async function allFollowed(client: Client, hosts: number): Promise<boolean> {
  const [up = 0] = await metric(client, 'berth_agent_links', 'state="up"')
  const [ready = 0] = await metric(client, 'berth_hosts', 'state="ready"')
  const waiting = await metric(client, 'berth_reconcile_queue_depth')
  return up === hosts && ready === hosts && waiting.every((depth) => depth === 0)
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
