// Whole agents, a real scheduler, and guests that are moved while somebody who takes part in it is killed, at a moment that is drawn.
// QEMU takes no locks here: nothing but epochs and the target's word keeps a second writer from a disk. BERTH_SEED replays a run as far as
// the machine's own speed allows, BERTH_KILLS says how many.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { Random } from '../chaos/random.ts'
import { type Cluster, keepClusterEvidence, openCluster } from '../support/cluster.ts'
import { waitFor } from '../support/wait.ts'
import { ConsoleTails } from './console-tails.ts'
import { CountingMachine, countingMachines, type Guest } from './counting-machines.ts'
import { PARTIES, type Party, takeOut } from './parties.ts'
import { RunningCopies } from './running-copies.ts'

const SEED = Number(process.env.BERTH_SEED ?? Math.floor(Math.random() * 2 ** 31))
const KILLS = Number(process.env.BERTH_KILLS ?? (process.env.BERTH_LONG ? 50 : 5))
const BOOT_SECONDS = 180
const REST_SECONDS = 120
const GUESTS: readonly Guest[] = [
  { name: 'local', shared: false },
  { name: 'shared', shared: true },
]
/** So slow that the transfer is a good part of the move. */
const OPTIONS = { 'berth/migration-bandwidth': '64Mi' } as const

let cluster: Cluster
let machines: readonly { readonly machine: CountingMachine; readonly tails: ConsoleTails }[]
let copies: RunningCopies

beforeAll(async () => {
  cluster = await openCluster(2, undefined, { unlocked: true })
  const file = join(cluster.dir, 'objects.json')
  await writeFile(file, countingMachines(cluster.served.url('guest.qcow2'), GUESTS))
  await cluster.kubectl('apply', '-f', file)
  const found = await Promise.all(GUESTS.map((guest) => CountingMachine.find(cluster, guest)))
  machines = found.map((machine) => ({ machine, tails: new ConsoleTails(cluster.hosts, machine.uid) }))
  copies = await RunningCopies.open(cluster.hosts, found)
  for (const { tails } of machines)
    await waitFor(
      'a guest that counts and has written',
      BOOT_SECONDS,
      () => tails.counts().length > 3 && tails.goodSums().length > 0,
      () => `${tails}`,
    )
})
beforeEach((context) => keepClusterEvidence(context, cluster))
afterAll(async () => {
  await copies?.stop()
  for (const { tails } of machines ?? []) tails.close()
  await cluster?.down()
})

type One = (typeof machines)[number]

/** virDomainRunningReason: post-copy is under way. */
const BY_POST_COPY = 10
const POST_COPY = { 'berth/migration-post-copy': 'true', 'berth/migration-bandwidth': '8Mi' } as const

/** One copy, which counts on where it is said to be, unharmed; nothing of it elsewhere. */
async function lives({ machine, tails }: One): Promise<void> {
  let unrest: string | null = null
  await waitFor(
    `${machine.name} at rest`,
    REST_SECONDS,
    async () => {
      unrest = await machine.unrest()
      return unrest === null
    },
    async () => `${unrest}\n${await machine.told()}`,
  )
  const { name } = await machine.host()
  const [counts, sums] = [tails.counts().at(-1) ?? 0, tails.goodSums().at(-1) ?? 0]
  await waitFor(
    `${machine.name} that counts on ${name}`,
    REST_SECONDS,
    () => Math.max(...tails.counts(name)) > counts + 2 && Math.max(...tails.goodSums(name)) > sums,
    () => `${tails.faults(machine.asked)}\n${tails}`,
  )
  expect(tails.faults(machine.asked)).toEqual([])
  expect(copies.twice).toEqual([])
  // The libvirt of its host may have been away until a moment ago.
  await waitFor(
    `${machine.name} that runs on ${name}`,
    REST_SECONDS,
    async () => `${await copies.of(machine)}` === name,
  )
  let left: readonly string[] = []
  await waitFor(
    `nothing left over of ${machine.name}`,
    REST_SECONDS,
    async () => {
      left = await machine.leftovers()
      return left.length === 0
    },
    async () => `${left.join('\n')}\n${await machine.told()}`,
  )
}

/** How long a move takes when nobody is killed; the first one brings the image along. */
async function quietMove(one: One): Promise<number> {
  const begun = performance.now()
  const operation = await one.machine.ask(OPTIONS)
  const { status } = await one.machine.ended(operation, REST_SECONDS)
  const took = performance.now() - begun
  expect(status?.phase, JSON.stringify(status)).toBe('Completed')
  await lives(one)
  return took
}

/** Places from 0 to 1, spread over the whole, in an order that is drawn. */
function moments(random: Random, count: number): readonly number[] {
  const parts = random.some(
    Array.from({ length: count }, (_, part) => part),
    count,
  )
  return parts.map((part) => (part + random.next()) / count)
}

/** Each of the parties about as often as the others, in an order that is drawn. */
const victims = (random: Random, count: number): readonly Party[] =>
  Array.from({ length: Math.ceil(count / PARTIES.length) }, () => random.some(PARTIES, PARTIES.length))
    .flat()
    .slice(0, count)

it(`${KILLS} kills during moves: never two copies, and in the end one that lived on`, {
  timeout: 120_000 + KILLS * 60_000,
}, async () => {
  const say = (text: string) => process.stdout.write(`${text}\n`)
  say(`BERTH_SEED=${SEED}`)
  const random = new Random(SEED, 'migration-kills')
  const quiet = new Map<One, number>()
  for (const one of machines) quiet.set(one, await quietMove(one))
  say(`a quiet move: ${[...quiet].map(([{ machine }, ms]) => `${machine.name} ${Math.round(ms)} ms`).join(', ')}`)
  const places = moments(random, KILLS)
  for (const [index, party] of victims(random, KILLS).entries()) {
    const one = machines[index % machines.length] as One
    const { machine } = one
    const source = await machine.host()
    const target = cluster.hosts.find((host) => host !== source) as typeof source
    const at = (places[index] ?? 0) * (quiet.get(one) ?? 0)
    const begun = performance.now()
    const operation = await machine.ask(OPTIONS)
    const ended = machine
      .ended(operation, REST_SECONDS)
      .then(({ status }) => ({ status, took: performance.now() - begun }))
    const killed = sleep(at).then(() => takeOut(party, cluster, { source, target }, random))
    const [done, { status, took }] = await Promise.all([killed, ended])
    say(`${operation} from ${source.name}, ${done} at ${Math.round(at)} of ${Math.round(took)} ms: ${words(status)}`)
    // The machine is not always as busy as it was when the quiet moves were measured.
    if (status?.phase === 'Completed') quiet.set(one, Math.min(quiet.get(one) ?? took, took))
    await lives(one)
  }
})

it('a post-copy whose source dies: Failed, and one cold start at the target', async () => {
  const [, one] = machines
  if (one === undefined) throw new Error('no machine with a shared disk')
  const { machine, tails } = one
  const source = await machine.host()
  const target = cluster.hosts.find((host) => host !== source) as typeof source
  const pid = Number(await source.exec('pgrep', '-of', `qemu-system.*-uuid ${machine.uid}`))
  const operation = await machine.ask(POST_COPY)
  await waitFor('a transfer', REST_SECONDS, async () => {
    await source.virsh('migrate-setspeed', machine.domain, '1', '--postcopy')
    return (await source.virsh('domjobinfo', machine.domain)).includes('Memory remaining')
  })
  // While most of the memory has not been sent, and so slowly that it is not there before the source is gone.
  await source.virsh('migrate-postcopy', machine.domain)
  await waitFor(
    'a post-copy',
    REST_SECONDS,
    async () => (await copies.stateAt(target.name, machine))?.[1] === BY_POST_COPY,
    () => machine.told(operation),
  )
  const before = tails.starts(target.name)
  await source.signal('KILL', pid)
  const { status } = await machine.ended(operation, REST_SECONDS)
  expect([status?.phase, words(status)]).toEqual(['Failed', expect.stringMatching(/^PostCopyFailed: .*started anew/)])
  await waitFor(
    'a guest that was started anew',
    BOOT_SECONDS,
    () => tails.starts(target.name) > before,
    async () => `${await machine.told(operation)}\n${tails}`,
  )
  await waitFor(
    `${machine.name} at rest`,
    REST_SECONDS,
    async () => (await machine.unrest()) === null,
    () => machine.told(),
  )
  expect((await machine.host()).name).toBe(target.name)
  expect(await machine.leftovers()).toEqual([])
  expect(copies.twice).toEqual([])
  expect(tails.starts(target.name)).toBe(before + 1)
})

const words = (status: Awaited<ReturnType<CountingMachine['ended']>>['status']): string =>
  (status?.conditions ?? [])
    .filter(({ type }) => type === 'Completed')
    .map(({ reason, message }) => `${reason}: ${message}`)
    .join()
