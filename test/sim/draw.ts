// Draws a run from a seed: a cluster, its machines, and bad days. In the end all is mended, and there is time.
import { itemAt, Random, weighted } from '../chaos/random.ts'
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
  resolve: 5,
  failover: 5,
  cordon: 2,
  uncordon: 3,
  drain: 1,
  fence: 1,
  join: 4,
  remove: 2,
  off: 3,
  on: 4,
  reboot: 2,
  'kill-agent': 5,
  freeze: 3,
  thaw: 4,
  libvirt: 3,
  cut: 5,
  heal: 6,
  isolate: 3,
  rejoin: 4,
  slow: 2,
  mute: 2,
  crash: 2,
  jump: 1,
  'scheduler restart': 3,
  'scheduler dies': 5,
  'scheduler full': 3,
} as const

type Kind = keyof typeof WEIGHTS

/** Moments of a move, as states.ts has them. */
const MOMENTS = [
  'Preparing',
  'target:Prepared',
  'Transferring',
  'source:Transferring',
  'source:Finishing',
  'target:Committed',
  'Committed',
] as const

/** To either host of a move. */
const HOST_BLOWS = [
  'kill-agent HOST',
  'freeze HOST',
  'off HOST',
  'reboot HOST',
  'remove HOST',
  'isolate HOST',
  'cut HOST scheduler',
  'mute HOST on',
  'slow HOST 15000',
  'libvirt HOST frozen',
  'libvirt HOST down',
  'jump HOST 1h',
] as const

/** To the machine that moves, the scheduler, or the line between its hosts. */
const OTHER_BLOWS = [
  'cancel VM',
  'stop VM',
  'stop VM force',
  'restart VM',
  'delete VM',
  'crash VM',
  'set VM berth/failover=enabled',
  'cut its-source its-target',
  'scheduler restart',
  'scheduler dies 1 before',
  'scheduler dies 1 after',
  'scheduler dies 2 after',
  'scheduler full on',
  'jump scheduler -1h',
] as const

/** What happens close together, which single draws hardly ever bring. */
const TALES = {
  /** Something goes wrong at one moment of a move. */
  'blow to a move': ({ vm, host, random }: Drawn, at: number, add: Add): void => {
    const blow = itemAt([...HOST_BLOWS, ...HOST_BLOWS, ...OTHER_BLOWS], random.next()) ?? ''
    const whose = random.next() < 0.5 ? 'its-source' : 'its-target'
    const text = blow.replace('HOST', whose).replace('VM', vm)
    add(at, random.next() < 0.5 ? `migrate ${vm}` : `migrate ${vm} to ${host}`)
    add(at, `await ${vm} ${itemAt(MOMENTS, random.next())} 60 then ${text}`)
    if (text.startsWith('scheduler dies')) add(at + random.between(60, 120), 'scheduler start')
    if (text.startsWith('scheduler full')) add(at + random.between(30, 120), 'scheduler full off')
  },
  /** A move is interrupted where its outcome may stay unknown, and somebody decides. */
  'interrupted move': ({ vm, host, random }: Drawn, at: number, add: Add): void => {
    const troubles = ['off', 'freeze', 'remove', 'isolate', 'mute', 'mute', 'mute'] as const
    const trouble = itemAt(troubles, random.next())
    const then = trouble === 'mute' ? 'mute its-target on and cut its-target scheduler' : `${trouble} its-target`
    add(at, random.next() < 0.5 ? `migrate ${vm}` : `migrate ${vm} to ${host}`)
    // Asked to finish, the target takes the guest, and nobody hears of it.
    const moments = ['source:Finishing', 'source:Finishing', 'source:Finishing', 'source:Transferring'] as const
    add(at, `await ${vm} ${itemAt(moments, random.next())} 60 then ${then}`)
    const decision = `resolve ${vm} wisely ${itemAt(['source', 'disk'], random.next())}`
    if (random.next() < 0.2) add(at + random.between(20, 150), decision)
    else add(at, `await ${vm} undecided 200 then ${decision}`)
  },
  /** The annotation goes and comes while the host is cut off. */
  'flickering failover': ({ vm, host, random }: Drawn, at: number, add: Add): void => {
    add(at, `set ${vm} berth/failover=disabled`)
    add(at + random.between(0, 6), `isolate ${host}`)
    add(at + random.between(1, 30), `set ${vm} berth/failover=enabled`)
    add(at + random.between(40, 200), `on ${host}`)
  },
  /** Something happens to a host while it ends machines because nobody hears it, and it comes back before, then or later. */
  'troubled fencing': ({ host, random }: Drawn, at: number, add: Add): void => {
    const blows = ['jump 1h', 'jump -1h', 'kill-agent', 'freeze', 'reboot', 'off', 'libvirt frozen'] as const
    const [verb = '', ...words] = (itemAt(blows, random.next()) ?? '').split(' ')
    add(at, `isolate ${host}`)
    add(at + random.between(5, 60), [verb, host, ...words].join(' '))
    add(at + random.between(20, 90), `rejoin ${host}`)
  },
  /** The scheduler's disk is full while there is much to be decided. */
  'full in need': ({ host, random }: Drawn, at: number, add: Add): void => {
    const need = itemAt(['off', 'isolate', 'drain', 'reboot', 'remove'] as const, random.next())
    const full = at + random.between(0, 60)
    add(at, `${need} ${host}`)
    add(full, 'scheduler full on')
    if (random.next() < 0.3) add(full + random.between(1, 20), 'scheduler restart')
    add(full + random.between(5, 90), 'scheduler full off')
    if (need === 'drain') add(at + random.between(100, 200), `uncordon ${host}`)
  },
} as const

/** How often each is told. */
const TOLD = {
  'blow to a move': 4,
  'interrupted move': 3,
  'flickering failover': 1,
  'troubled fencing': 2,
  'full in need': 1,
} as const satisfies Record<keyof typeof TALES, number>

/** Seconds. */
export const TROUBLE = 600
/** Of a tale, and of the time in which all is whole again after it. */
const SLOT = 190
/** Longer than every deadline of a migration, a lease and a backoff together. */
const PEACE = 1_800

type Add = (at: number, text: string) => void

export function drawRun(seed: number): Scenario {
  const random = new Random(seed, 'scenario')
  const pick = <T>(list: readonly T[]): T => itemAt(list, random.next()) as T
  const chance = (share: number) => random.next() < share
  const evidence = pick([undefined, 'watchdog 10', 'watchdog 10 whole', 'timeout 5'])
  const fencing = chance(0.4)
  // With room for all machines, and little beside its tales: so that what they tell of comes to pass.
  const calm = chance(0.6)
  const hosts: Record<string, HostText> = {}
  for (let index = 1; index <= random.between(calm ? 3 : 2, 5); index++)
    hosts[`h${index}`] = {
      cores: calm ? 24 : random.between(2, 8),
      memory: (calm ? 48 : random.between(4, 16)) * 1024,
      later: index > 2 && chance(0.3),
      ...(evidence === undefined ? {} : { evidence }),
      ...(fencing ? { fencing: pick(['works', 'works', 'fails'] as const) } : {}),
    }
  const vms = drawMachines(random)
  const deeds: Deed[] = []
  const add: Add = (at, text) => deeds.push({ at, text, words: text.split(' ') })
  const [names, machines] = [Object.keys(hosts), Object.keys(vms)]
  const here = machines.filter((name) => vms[name]?.later !== true)
  const first = here.length === 0 ? machines : here
  const times = Array.from({ length: calm ? random.between(0, 8) : random.between(5, 40) }, () =>
    random.between(20, TROUBLE),
  )
  for (const at of times.toSorted((one, other) => one - other)) {
    const kind = weighted<Kind>(WEIGHTS, random.next())
    // As systemd does, sooner or later.
    if (kind === 'scheduler dies') add(at + random.between(5, 120), 'scheduler start')
    add(at, textOf(kind, { host: pick(names), vm: pick(machines), other: pick([...names, 'scheduler']), random }))
  }
  const told = (tale: keyof typeof TALES, at: number) =>
    TALES[tale]({ host: pick(names), vm: pick(first), other: '', random }, at, add)
  if (calm)
    // One after the other, each from a cluster that is whole again.
    for (let at = 30; at + SLOT <= TROUBLE; at += SLOT) {
      for (let left = random.between(1, 2); left > 0; left--) told(weighted(TOLD, random.next()), at)
      heal(at + SLOT - 30, names, add)
    }
  else
    for (let left = random.between(0, 12); left > 0; left--)
      told(weighted(TOLD, random.next()), random.between(20, 500))
  const past = pick([undefined, undefined, undefined, undefined, 'restored', 'doubled'] as const)
  if (past !== undefined) addPast(past, pick(first), random, add)
  mend(TROUBLE + 5, names, add)
  if (past !== undefined) begunAnew(TROUBLE + 12, add)
  return {
    name: `random-${seed}`,
    about: `random run of the seed ${seed}`,
    seed,
    hosts,
    vms,
    objects: {},
    scheduler: {
      failover: {
        timeoutCounts: evidence?.startsWith('timeout') === true,
        fencing: { others: pick(['spare', 'powerOff']) },
      },
      ...(chance(0.4) ? { rebalance: { enabled: true, intervalSeconds: 30, restSeconds: 60, movesPerHour: 50 } } : {}),
    },
    deeds: deeds.toSorted((one, other) => one.at - other.at),
    end: TROUBLE + PEACE,
    broken: [],
  }
}

/** Some of them in groups, which are placed as a whole. */
function drawMachines(random: Random): Record<string, VmText> {
  const pick = <T>(list: readonly T[]): T => itemAt(list, random.next()) as T
  const chance = (share: number) => random.next() < share
  const count = random.between(2, 12)
  const grouped = chance(0.4) ? Math.min(count, random.between(2, 3)) : 0
  const vms: Record<string, VmText> = {}
  for (let index = 1; index <= count; index++) {
    const shared = chance(0.6)
    vms[`vm-${index}`] = {
      cores: random.between(1, 2),
      fraction: pick(['100%', '50%', '10%']),
      memory: `${random.between(1, 8) * 512}Mi`,
      shared,
      failover: shared && chance(0.5),
      later: chance(0.3),
      ...(index > grouped
        ? {}
        : { annotations: { 'berth/placement-group': 'group', 'berth/placement-group-size': String(grouped) } }),
    }
  }
  return vms
}

interface Drawn {
  readonly host: string
  readonly vm: string
  readonly other: string
  readonly random: Random
}

function textOf(kind: Kind, { host, vm, other, random }: Drawn): string {
  const pick = (...list: readonly string[]): string => itemAt(list, random.next()) ?? ''
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
      return pick(`stop ${vm}`, `stop ${vm} force`)
    case 'migrate':
      return pick(`migrate ${vm}`, `migrate ${vm} to ${host}`)
    case 'resolve':
      return `resolve ${vm} wisely ${pick('source', 'disk')}`
    case 'failover':
      return `set ${vm} berth/failover=${pick('enabled', 'disabled')}`
    case 'fence':
      return `annotate ${host} berth/fence=requested`
    case 'libvirt':
      return `libvirt ${host} ${pick('down', 'up', 'up', 'frozen')}`
    case 'cut':
    case 'heal':
      return `${kind} ${host} ${other === host ? 'scheduler' : other}`
    case 'slow':
      return `slow ${host} ${pick('0', '500', '3000', '15000')}`
    case 'mute':
      return `mute ${host} ${pick('on', 'off')}`
    case 'jump':
      return `jump ${pick(host, 'scheduler')} ${pick('1h', '-1h', '30s', '-10m')}`
    case 'scheduler dies':
      return `scheduler dies ${random.between(1, 12)} ${pick('before', 'after')}`
    case 'scheduler full':
      return `scheduler full ${pick('on', 'off')}`
    case 'scheduler restart':
      return kind
    default:
      return `${kind} ${host}`
  }
}

/** Hosts and lines are whole again, and a scheduler runs. */
function heal(at: number, hosts: readonly string[], add: Add): void {
  for (const host of hosts) {
    add(at, `rejoin ${host}`)
    for (const verb of ['on', 'thaw']) add(at, `${verb} ${host}`)
    add(at, `libvirt ${host} up`)
    add(at, `slow ${host} 0`)
    add(at, `mute ${host} off`)
    for (const verb of ['join', 'uncordon']) add(at + 15, `${verb} ${host}`)
  }
  add(at + 1, 'scheduler full off')
  add(at + 1, 'scheduler spared')
  add(at + 1, 'scheduler start')
}

/** Everything is. */
function mend(at: number, hosts: readonly string[], add: Add): void {
  heal(at, hosts, add)
  add(at + 2, 'scheduler restart')
}

/**
 * What makes the store an older one than what hosts have obeyed: a backup is restored, or a second scheduler is started on a copy. In half of
 * them the copy is made in the middle of a move.
 */
function addPast(past: 'restored' | 'doubled', vm: string, random: Random, add: Add): void {
  const [at, until] = [random.between(20, 400), random.between(20, 150)]
  const moment = random.next() < 0.5 ? null : itemAt(MOMENTS, random.next())
  if (moment !== null) add(at, `migrate ${vm}`)
  const copied = (text: string) => add(at, moment === null ? text : `await ${vm} ${moment} 15 then ${text}`)
  if (past === 'restored') {
    copied('scheduler copy')
    add(at + until, 'scheduler restore backup')
  } else {
    copied('scheduler copy scheduler2 and scheduler start scheduler2')
    add(at + until, 'scheduler kill scheduler2')
  }
}

/** Hosts have heard of a later store: as its operator does, the one that there is is restored, and so rules again. */
function begunAnew(at: number, add: Add): void {
  add(at, 'scheduler kill')
  add(at + 1, 'scheduler copy')
  add(at + 2, 'scheduler restore backup')
}

/** The scheduler's store may know less than its hosts. */
export const hasPast = ({ deeds }: Scenario): boolean =>
  deeds.some(({ text }) => text.includes('scheduler restore backup') || text.includes('scheduler start scheduler2'))
