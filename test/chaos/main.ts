// The program behind scripts/chaos: hosts of a lab, clients at work, trouble upon trouble, round after round, until the time is over or
// something is not as it was promised. Run by tsx from the checkout.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf } from '../../lib/errors.ts'
import type { LabHost } from '../support/lab-host.ts'
import { ROOT } from '../support/lab-place.ts'
import { openLab, RESULTS } from '../support/open-lab.ts'
import { EVERYTHING } from './troubles.ts'
import { World } from './world.ts'

const USAGE = `scripts/chaos [--minutes N] [--seed S] [--hosts N] [--clients N]
  --minutes N   how long (10)
  --seed S      draws what another run with it drew; a new one each time unless told
  --hosts N     hosts, each with clients and troubles of its own (1)
  --clients N   clients of each host (3)
0: everything was as promised. 1: something was not; what explains it is in test-results/chaos-SEED.
`
const EXIT = { ok: 0, violated: 1, usage: 2 } as const
const ROUND_MS = 20_000
const OPTIONS = {
  minutes: { type: 'string', default: '10' },
  seed: { type: 'string' },
  hosts: { type: 'string', default: '1' },
  clients: { type: 'string', default: '3' },
  help: { type: 'boolean', short: 'h' },
} as const

const say = (text: string): void => void process.stdout.write(`${text}\n`)

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new TypeError(`--${name} wants a number above 0, not ${text}`)
  return value
}

function whole(name: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new TypeError(`--${name} wants a whole number, not ${text}`)
  return Number(text)
}

interface Wanted {
  readonly minutes: number
  readonly seed: number
  readonly hosts: number
  readonly clients: number
}

function wantedOf(): Wanted | null {
  const { values } = parseArgs({ options: OPTIONS })
  if (values.help) return null
  return {
    minutes: positive('minutes', values.minutes),
    seed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : whole('seed', values.seed),
    hosts: positive('hosts', String(whole('hosts', values.hosts))),
    clients: positive('clients', String(whole('clients', values.clients))),
  }
}

async function run({ minutes, seed, hosts, clients }: Wanted): Promise<number> {
  say(`seed ${seed}: ${minutes} minutes, ${hosts} host(s) with ${clients} clients each`)
  const lab = await openLab(hosts, undefined, { agent: join(ROOT, 'test/crash/berth-agent'), pauseSeconds: 0.2 })
  const ending = new AbortController()
  // Comes to its end in order, the last round's verdict included.
  process.once('SIGINT', () => ending.abort())
  const span = { begun: performance.now(), end: performance.now() + minutes * 60_000, ending: ending.signal }
  try {
    const lives = lab.hosts.map(async (host) => {
      try {
        const world = await World.make({ lab, host, seed, clients, weights: EVERYTHING })
        await rounds(world, host.name, span)
        return null
      } catch (error) {
        ending.abort()
        say(`VIOLATED on ${host.name} after ${seconds(span)} s, seed ${seed}\n${messageOf(error)}`)
        await keep(host, seed, error)
        return error
      }
    })
    if ((await Promise.all(lives)).some((fault) => fault !== null)) return EXIT.violated
    say('everything was as promised')
    return EXIT.ok
  } finally {
    await lab.down()
  }
}

interface Span {
  readonly begun: number
  readonly end: number
  readonly ending: AbortSignal
}

async function rounds(world: World, host: string, span: Span): Promise<void> {
  const isOver = (at: number) => span.ending.aborted || performance.now() >= Math.min(at, span.end)
  for (let round = 1; !isOver(Infinity); round++) {
    const at = performance.now() + ROUND_MS
    await world.round(() => isOver(at))
    const acts = world.clients.reduce((sum, { report }) => sum + report.acts, 0)
    const open = world.clients.reduce((sum, { report }) => sum + report.open, 0)
    const troubles = [...world.troubles].map(([trouble, count]) => `${trouble} ${count}`).join(', ')
    say(`${seconds(span)} s  ${host} round ${round}: ${acts} acts (${open} unanswered); ${troubles}`)
  }
}

const seconds = ({ begun }: Span): number => Math.round((performance.now() - begun) / 1_000)

/** Logs, definitions and database of the host, and the words. */
async function keep(host: LabHost, seed: number, error: unknown): Promise<void> {
  const folder = join(RESULTS, `chaos-${seed}`, host.name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'violation.txt'),
    `seed ${seed}\n${error instanceof Error ? error.stack : String(error)}\n`,
  )
  await host.collect(folder).catch((fault) => say(`not all of ${host.name} could be kept: ${messageOf(fault)}`))
  say(`what explains it is in ${folder}`)
}

async function main(): Promise<number> {
  try {
    const wanted = wantedOf()
    if (wanted !== null) return await run(wanted)
    say(USAGE)
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    process.stderr.write(`${error.message}\n${USAGE}`)
    return EXIT.usage
  }
}

process.exit(await main())
