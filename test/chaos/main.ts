// The program behind scripts/chaos: hosts of a lab, clients at work, trouble upon trouble, round after round, until the time is over or
// something is not as it was promised. Run by tsx from the checkout.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf } from '../../lib/errors.ts'
import { ROOT } from '../support/lab-place.ts'
import { type Lab, openLab, RESULTS } from '../support/open-lab.ts'
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
    seed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Math.trunc(Number(values.seed)),
    hosts: positive('hosts', values.hosts),
    clients: positive('clients', values.clients),
  }
}

async function run({ minutes, seed, hosts, clients }: Wanted): Promise<number> {
  say(`seed ${seed}: ${minutes} minutes, ${hosts} host(s) with ${clients} clients each`)
  const lab = await openLab(hosts, undefined, { agent: join(ROOT, 'test/crash/berth-agent'), pauseSeconds: 0.2 })
  const begun = performance.now()
  const end = begun + minutes * 60_000
  try {
    await Promise.all(
      lab.hosts.map((host) =>
        World.make({ lab, host, seed, clients, weights: EVERYTHING }).then((world) =>
          rounds(world, host.name, begun, end),
        ),
      ),
    )
    say('everything was as promised')
    return EXIT.ok
  } catch (error) {
    say(`VIOLATED after ${seconds(begun)} s, seed ${seed}\n${messageOf(error)}`)
    await keep(lab, seed, error)
    return EXIT.violated
  } finally {
    await lab.down()
  }
}

async function rounds(world: World, host: string, begun: number, end: number): Promise<void> {
  for (let round = 1; performance.now() < end; round++) {
    const over = Math.min(performance.now() + ROUND_MS, end)
    await world.round(() => performance.now() >= over)
    const acts = world.clients.reduce((sum, { report }) => sum + report.acts, 0)
    const open = world.clients.reduce((sum, { report }) => sum + report.open, 0)
    const troubles = [...world.troubles].map(([trouble, count]) => `${trouble} ${count}`).join(', ')
    say(`${seconds(begun)} s  ${host} round ${round}: ${acts} acts (${open} unanswered); ${troubles}`)
  }
}

const seconds = (begun: number): number => Math.round((performance.now() - begun) / 1_000)

/** Logs, definitions and databases of all hosts. */
async function keep(lab: Lab, seed: number, error: unknown): Promise<void> {
  const folder = join(RESULTS, `chaos-${seed}`)
  for (const host of lab.hosts) {
    const into = join(folder, host.name)
    mkdirSync(into, { recursive: true })
    await host.collect(into).catch((fault) => say(`not all of ${host.name} could be kept: ${messageOf(fault)}`))
  }
  writeFileSync(
    join(folder, 'violation.txt'),
    `seed ${seed}\n${error instanceof Error ? error.stack : String(error)}\n`,
  )
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
