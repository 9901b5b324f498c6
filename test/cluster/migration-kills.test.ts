// Whole agents, a real scheduler, and guests that are moved while somebody who takes part in it is taken out: at moments that are drawn, and at some
// that are chosen. QEMU takes no locks here: nothing but epochs and the target's word keeps a second writer from a disk. BERTH_SEED replays a
// run as far as the machine's own speed allows, BERTH_KILLS says how many.
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { Random } from '../chaos/random.ts'
import { keepClusterEvidence } from '../support/cluster.ts'
import type { LabHost } from '../support/lab-host.ts'
import { powerSwitch } from '../support/power-switch.ts'
import { seed } from '../support/seed.ts'
import { waitFor } from '../support/wait.ts'
import { HANDED, inPostCopy, phaseAt, whileAsked, whileImpatient, whileStoppedHalfway } from './chosen-moments.ts'
import type { CountingMachine } from './counting-machines.ts'
import { type MovingGuest, MovingGuests, REST_SECONDS } from './moving-guests.ts'
import { PARTIES, type Party, type Sides, takeOut } from './parties.ts'

const SEED = seed()
const LONG = process.env.BERTH_LONG !== undefined
const KILLS = Number(process.env.BERTH_KILLS ?? (LONG ? 50 : 5))
/** So slow that the transfer is a good part of the move. */
const OPTIONS = { 'berth/migration-bandwidth': '64Mi' } as const

/** virDomainState and its reason: paused, as the post-copy failed. */
const PAUSED_BROKEN = [3, 13]

let guests: MovingGuests

beforeAll(async () => {
  guests = await MovingGuests.open(
    [
      { name: 'local', shared: false },
      { name: 'shared', shared: true },
    ],
    async ({ dir, scheduler }) => {
      const command = await powerSwitch(dir)
      const config = `failover: {fencing: {command: ["${command}", "{node}"]}}\n`
      await appendFile(join(scheduler.dir, 'scheduler.yaml'), config)
      await scheduler.restart()
    },
  )
})
beforeEach((context) => keepClusterEvidence(context, guests.cluster))
afterAll(() => guests?.down())

/** How long a move takes when nobody is killed; the first one brings the image along. */
async function quietMove(one: MovingGuest): Promise<number> {
  const begun = performance.now()
  const operation = await one.machine.ask(OPTIONS)
  const { status } = await one.machine.ended(operation, REST_SECONDS)
  const took = performance.now() - begun
  expect(status?.phase, JSON.stringify(status)).toBe('Completed')
  await guests.lives(one)
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
  const quiet = new Map<MovingGuest, number>()
  for (const one of guests.all) quiet.set(one, await quietMove(one))
  say(`a quiet move: ${[...quiet].map(([{ machine }, ms]) => `${machine.name} ${Math.round(ms)} ms`).join(', ')}`)
  const places = moments(random, KILLS)
  for (const [index, party] of victims(random, KILLS).entries()) {
    const one = guests.all[index % guests.all.length] as MovingGuest
    const { machine } = one
    const { source, target } = await guests.sides(one)
    const at = (places[index] ?? 0) * (quiet.get(one) ?? 0)
    const begun = performance.now()
    const operation = await machine.ask(OPTIONS)
    const ended = machine
      .ended(operation, REST_SECONDS)
      .then(({ status }) => ({ status, took: performance.now() - begun }))
    const killed = sleep(at).then(() => takeOut(party, guests.cluster, { source, target }, random))
    const [done, { status, took }] = await Promise.all([killed, ended])
    say(`${operation} from ${source.name}, ${done} at ${Math.round(at)} of ${Math.round(took)} ms: ${words(status)}`)
    // The machine is not always as busy as it was when the quiet moves were measured.
    if (status?.phase === 'Completed') quiet.set(one, Math.min(quiet.get(one) ?? took, took))
    await guests.lives(one)
  }
})

it('the agent of the source dies when the guest is stopped and not all is sent, and the target is cut off: it goes on when the line is back', async () => {
  const one = guests.guest('shared')
  const { machine } = one
  const { operation } = await whileStoppedHalfway(guests, one, async ({ source, target, operation }) => {
    await guests.cluster.whileCutOff(target, async () => {
      await source.restartAgent()
      await isUnknown(machine, operation, target)
      expect(await guests.copies.stateAt(source.name, machine)).toEqual(HANDED)
    })
  })
  const { status } = await machine.ended(operation, REST_SECONDS)
  expect([status?.phase, words(status)]).toEqual(['Failed', expect.stringContaining('has not taken the machine')])
  await guests.lives(one)
})

if (LONG)
  it('the agent of the source dies when the target was asked, and hangs: paused, until it answers', async () => {
    const one = guests.guest('shared')
    const { machine } = one
    const { operation } = await whileAsked(guests, one, async ({ source, target, operation }) => {
      await source.restartAgent()
      await waitsPaused(machine, operation, { source, target })
    })
    // Which of the questions that waited for it it reads first is not known.
    const { status } = await machine.ended(operation, REST_SECONDS)
    expect(status?.phase, words(status)).toMatch(/^(Completed|Failed)$/)
    await guests.lives(one)
  })

if (LONG)
  it('the agent of the source dies in a post-copy: it goes on', async () => {
    const one = guests.guest('shared')
    const { source, operation } = await inPostCopy(guests, one)
    await source.restartAgent()
    const { status } = await one.machine.ended(operation, REST_SECONDS)
    expect([status?.phase, words(status)]).toEqual(['Completed', expect.stringContaining('OperationCompleted')])
    await guests.lives(one)
  })

if (LONG)
  it('the QEMU of the source dies in a post-copy: Failed, and one cold start at the target', async () => {
    const one = guests.guest('shared')
    const { machine, tails } = one
    const { source } = await guests.sides(one)
    const pid = Number(await source.exec('pgrep', '-of', `qemu-system.*-uuid ${machine.uid}`))
    const { target, operation } = await inPostCopy(guests, one)
    const before = tails.starts(target.name)
    await source.signal('KILL', pid)
    await endsBroken(machine, operation)
    await guests.livesAnew(one, target, before)
  })

it('the line is cut in a post-copy, and the QEMU of the source lives: Failed, and one cold start at the target', async () => {
  const one = guests.guest('shared')
  const { machine, tails } = one
  const { source, target, operation } = await inPostCopy(guests, one)
  const before = tails.starts(target.name)
  await whileImpatient([source, target], () =>
    guests.cluster.whileCutOff(source, async () => {
      await waitFor(
        'a QEMU that has given up',
        REST_SECONDS,
        async () => `${await guests.copies.stateAt(source.name, machine)}` === `${PAUSED_BROKEN}`,
      )
    }),
  )
  await endsBroken(machine, operation)
  await guests.livesAnew(one, target, before)
})

if (LONG)
  it('the line stays cut in a post-copy, and somebody gives the source up: one cold start at the target', async () => {
    const one = guests.guest('shared')
    const { machine, tails } = one
    const { source, target, operation } = await inPostCopy(guests, one)
    const before = tails.starts(target.name)
    await guests.cluster.whileCutOff(source, async () => {
      await guests.cluster.berth('migrate', 'resolve', 'vm', machine.name, '--keep', 'target')
      await guests.startsAnew(one, target, before)
    })
    await endsBroken(machine, operation)
    await guests.livesAnew(one, target, before)
  })

it('the target was asked, may have run the guest, and is powered off: the machine starts anew at the source', async () => {
  const one = guests.guest('shared')
  const { machine, tails } = one
  let mend: () => void = () => undefined
  let cut = Promise.resolve()
  // Its agent goes on when nobody hears it any more.
  const { source, target, operation } = await whileAsked(
    guests,
    one,
    ({ target: host }) =>
      new Promise((begun) => {
        cut = guests.cluster.whileCutOff(host, () => {
          begun()
          return new Promise((resolve) => {
            mend = resolve
          })
        })
      }),
  )
  try {
    const before = tails.starts(source.name)
    // The next one waits for no answer to an earlier question.
    await source.restartAgent()
    await waitsPaused(machine, operation, { source, target })
    await guests.cluster.kubectl('wait', 'node', target.name, '--for=condition=HostDead=Unknown', '--timeout=50s')
    await guests.cluster.kubectl('annotate', 'node', target.name, 'berth/fence=requested')
    await guests.startsAnew(one, source, before)
    const { status } = await machine.ended(operation, REST_SECONDS)
    expect([status?.phase, words(status)]).toEqual(['Failed', expect.stringContaining('it starts anew from its disks')])
    expect(tails.starts(source.name)).toBe(before + 1)
    expect(await guests.copies.of(machine)).toEqual([source.name])
  } finally {
    mend()
    await cut
  }
})

/** The scheduler says so, and for whom it waits. */
async function isUnknown(machine: CountingMachine, operation: string, target: LabHost): Promise<void> {
  await waitFor(
    'an unknown outcome',
    REST_SECONDS,
    async () =>
      words((await machine.operation(operation)).status).startsWith(
        `OutcomeUnknown: ${target.name} cannot be asked: the copy on `,
      ),
    () => machine.told(operation),
  )
}

async function waitsPaused(machine: CountingMachine, operation: string, { source, target }: Sides): Promise<void> {
  await isUnknown(machine, operation, target)
  await waitFor(
    'words of the source',
    REST_SECONDS,
    async () =>
      (await machine.conditionAt(source, 'Migrating'))?.includes(
        `${target.name} does not say whether it has the machine; the guest stays paused here`,
      ),
    () => machine.told(operation),
  )
  expect(await guests.copies.stateAt(source.name, machine)).toEqual(HANDED)
  expect(await phaseAt(source, machine.uid)).toBe('Finishing')
}

async function endsBroken(machine: CountingMachine, operation: string): Promise<void> {
  const { status } = await machine.ended(operation, REST_SECONDS)
  expect([status?.phase, words(status)]).toEqual(['Failed', expect.stringMatching(/^PostCopyFailed: .*started anew/)])
}

const words = (status: Awaited<ReturnType<CountingMachine['ended']>>['status']): string =>
  (status?.conditions ?? [])
    .filter(({ type }) => type === 'Completed')
    .map(({ reason, message }) => `${reason}: ${message}`)
    .join()
