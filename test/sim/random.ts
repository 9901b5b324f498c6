// Random runs: a cluster, its machines, and bad days, drawn from a seed. In the end all is mended, and there is time.
import { itemAt, Random, weighted } from '../chaos/random.ts'
import { looksAtPeace } from './peace.ts'
import { runScenario } from './run.ts'
import type { Deed, HostText, Scenario, VmText } from './scenario.ts'

/** What draws how often. */
const WEIGHTS = {
  create: 8,
  delete: 4,
  stop: 3,
  start: 3,
  restart: 2,
  migrate: 8,
  evict: 3,
  cancel: 3,
  cordon: 2,
  uncordon: 3,
  off: 3,
  on: 4,
  reboot: 2,
  'kill-agent': 5,
  freeze: 3,
  thaw: 4,
  libvirt: 3,
  cut: 5,
  heal: 6,
  isolate: 2,
  rejoin: 3,
  slow: 2,
  mute: 2,
  crash: 2,
  jump: 1,
  'scheduler restart': 3,
  'scheduler dies': 5,
  'scheduler full': 1,
} as const

type Kind = keyof typeof WEIGHTS

const TROUBLE_SECONDS = 600
/** Longer than every deadline of a migration, a lease and a backoff together. */
const PEACE_SECONDS = 1_800
/** At the end of the peace nothing is decided any more for so long. */
const QUIET_SECONDS = 120

export function drawRun(seed: number): Scenario {
  const random = new Random(seed, 'scenario')
  const pick = <T>(list: readonly T[]): T => itemAt(list, random.next()) as T
  const chance = (share: number) => random.next() < share
  const evidence = pick([undefined, 'watchdog 10', 'timeout 5'])
  const hosts: Record<string, HostText> = {}
  for (let index = 1; index <= random.between(2, 5); index++)
    hosts[`h${index}`] = {
      cores: random.between(2, 8),
      memory: random.between(4, 16) * 1024,
      ...(evidence === undefined ? {} : { evidence }),
    }
  const vms: Record<string, VmText> = {}
  for (let index = 1; index <= random.between(2, 12); index++) {
    const shared = chance(0.6)
    vms[`vm-${index}`] = {
      cores: random.between(1, 2),
      fraction: pick(['100%', '50%', '10%']),
      memory: `${random.between(1, 4) * 512}Mi`,
      shared,
      failover: shared && chance(0.5),
      later: chance(0.3),
    }
  }
  const names = Object.keys(hosts)
  const machines = Object.keys(vms)
  const deeds: Deed[] = []
  const add = (at: number, text: string) => deeds.push({ at, text, words: text.split(' ') })
  const count = random.between(5, 40)
  const times = Array.from({ length: count }, () => random.between(20, TROUBLE_SECONDS)).toSorted(
    (one, other) => one - other,
  )
  for (const at of times) {
    const kind = weighted<Kind>(WEIGHTS, random.next())
    const host = pick(names)
    const vm = pick(machines)
    // An agent that does not run cannot end its guests: the known limit of this evidence.
    if (evidence === 'timeout 5' && (kind === 'freeze' || kind === 'kill-agent')) continue
    // As systemd does, sooner or later.
    if (kind === 'scheduler dies') add(at + random.between(5, 120), 'scheduler start')
    add(at, textOf(kind, { host, vm, other: pick([...names, 'scheduler']), random }))
  }
  const peaceAt = TROUBLE_SECONDS + 10
  mend(peaceAt - 5, names, add)
  return {
    name: `random-${seed}`,
    about: `random run of the seed ${seed}`,
    seed,
    hosts,
    vms,
    objects: {},
    scheduler: {},
    deeds,
    end: peaceAt + PEACE_SECONDS,
    broken: [],
  }
}

interface Drawn {
  readonly host: string
  readonly vm: string
  readonly other: string
  readonly random: Random
}

function textOf(kind: Kind, { host, vm, other, random }: Drawn): string {
  switch (kind) {
    case 'create':
    case 'delete':
    case 'start':
    case 'restart':
    case 'evict':
    case 'cancel':
    case 'crash':
      return `${kind} ${vm}`
    case 'stop':
      return random.next() < 0.5 ? `stop ${vm}` : `stop ${vm} force`
    case 'migrate':
      return random.next() < 0.5 ? `migrate ${vm}` : `migrate ${vm} to ${host}`
    case 'libvirt':
      return `libvirt ${host} ${itemAt(['down', 'up', 'up', 'frozen'], random.next())}`
    case 'cut':
    case 'heal':
      return `${kind} ${host} ${other === host ? 'scheduler' : other}`
    case 'slow':
      return `slow ${host} ${itemAt(['0', '500', '3000', '15000'], random.next())}`
    case 'mute':
      return `mute ${host} ${random.next() < 0.5 ? 'on' : 'off'}`
    case 'jump':
      return `jump ${random.next() < 0.5 ? host : 'scheduler'} ${itemAt(['1h', '-1h', '30s', '-10m'], random.next())}`
    case 'scheduler dies':
      return `scheduler dies ${random.between(1, 12)} ${random.next() < 0.5 ? 'before' : 'after'}`
    case 'scheduler full':
      return `scheduler full ${random.next() < 0.5 ? 'on' : 'off'}`
    case 'scheduler restart':
      return kind
    default:
      return `${kind} ${host}`
  }
}

/** Everything is whole again. */
function mend(at: number, hosts: readonly string[], add: (at: number, text: string) => void): void {
  for (const host of hosts) {
    add(at, `rejoin ${host}`)
    for (const verb of ['on', 'thaw', 'uncordon']) add(at, `${verb} ${host}`)
    add(at, `libvirt ${host} up`)
    add(at, `slow ${host} 0`)
    add(at, `mute ${host} off`)
  }
  add(at + 1, 'scheduler full off')
  add(at + 1, 'scheduler spared')
  add(at + 2, 'scheduler restart')
}

/** Runs it. @returns what was not as it must be, in words */
export async function runRandom(scenario: Scenario) {
  let left: readonly string[] = []
  const { lines, violations } = await runScenario(scenario, {
    look: (world, promised) => {
      left = [...looksAtPeace(world, promised), ...world.restless(QUIET_SECONDS)]
    },
  })
  return { lines, wrong: [...violations, ...left] }
}
