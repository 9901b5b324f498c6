// SIGKILL of the agent at random moments while clients create, start, stop, change, import and delete. BERTH_SEED replays a run.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { isApiError, messageOf } from '../../lib/errors.ts'
import { keepEvidence, type Lab, openLab } from '../support/lab.ts'
import { Space } from '../support/space.ts'
import { checkInvariants, converged } from './invariants.ts'

const SEED = Number(process.env.BERTH_SEED ?? Math.floor(Math.random() * 2 ** 31))
const KILLS = Number(process.env.BERTH_KILLS ?? (process.env.BERTH_LONG ? 200 : 40))
/** Machines at a time; each is a QEMU that only runs its firmware. */
const MOST = 6

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await openLab(1)
  space = await Space.make(lab, 'random')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(() => lab.down())

/** mulberry32: small, and the same everywhere. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * What the agent has acknowledged: `there` for a creation, `gone` for a deletion. `asked` is a deletion without an answer: the
 * agent may have died before or after it was done.
 */
class Ledger {
  readonly alive = new Map<string, 'there' | 'asked' | 'gone'>()
  count = 0

  /** Those that may be there. */
  machines(): string[] {
    return [...this.alive].flatMap(([key, state]) =>
      key.startsWith('VirtualMachine/') && state !== 'gone' ? [key.slice(15)] : [],
    )
  }
}

/** One act of a client. A connection that breaks leaves it open whether it was done; only answers count. */
async function act(random: () => number, ledger: Ledger): Promise<void> {
  const machines = ledger.machines()
  const one = machines[Math.floor(random() * machines.length)]
  const dice = random()
  if (one === undefined || (dice < 0.3 && machines.length < MOST)) {
    const name = `m${ledger.count++}`
    await space.disk(name, '1Mi')
    ledger.alive.set(`VirtualDisk/${name}`, 'there')
    await space.vm(name, {
      memory: { size: '32Mi' },
      blockDeviceRefs: [{ kind: 'VirtualDisk', name }],
      terminationGracePeriodSeconds: 1,
    })
    ledger.alive.set(`VirtualMachine/${name}`, 'there')
  } else if (dice < 0.45) await space.operation(one, 'Stop', random() < 0.5)
  else if (dice < 0.6) await space.operation(one, 'Start')
  else if (dice < 0.7) await space.operation(one, 'Restart', random() < 0.5)
  else if (dice < 0.77) await toggleDisk(one, random() < 0.6, ledger)
  else if (dice < 0.82)
    await space.patch('VirtualMachine', one, { spec: { memory: { size: random() < 0.5 ? '32Mi' : '48Mi' } } })
  else if (dice < 0.87) {
    const name = `i${ledger.count++}`
    const spec = {
      storage: 'ContainerRegistry',
      dataSource: { type: 'HTTP', http: { url: lab.served.url('small.raw') } },
    }
    await space.create({
      apiVersion: 'virtualization.deckhouse.io/v1alpha2',
      kind: 'VirtualImage',
      metadata: { name },
      spec,
    })
    ledger.alive.set(`VirtualImage/${name}`, 'there')
  } else {
    ledger.alive.set(`VirtualMachine/${one}`, 'asked')
    await space.delete('VirtualMachine', one).catch((error) => {
      if (!isApiError(error, 'NotFound')) throw error
    })
    ledger.alive.set(`VirtualMachine/${one}`, 'gone')
  }
}

/** A second disk comes to or leaves the machine, whether it runs or not. */
async function toggleDisk(machine: string, wanted: boolean, ledger: Ledger): Promise<void> {
  const second = `${machine}-second`
  if (wanted && !ledger.alive.has(`VirtualDisk/${second}`)) {
    await space.disk(second, '1Mi')
    ledger.alive.set(`VirtualDisk/${second}`, 'there')
  }
  const names = wanted ? [machine, second] : [machine]
  const blockDeviceRefs = names.map((name) => ({ kind: 'VirtualDisk', name }))
  await space.patch('VirtualMachine', machine, { spec: { blockDeviceRefs } })
}

it(`${KILLS} random kills lose, double and disturb nothing`, async () => {
  process.stdout.write(`BERTH_SEED=${SEED}\n`)
  const random = randomOf(SEED)
  lab.served.bytes('small.raw', Buffer.alloc(1_048_576, 7))
  await space.bareVm('bystander')
  await space.untilPhase('bystander', 'Running')
  const pid = await space.qemuPid('bystander')
  expect(pid).toBeGreaterThan(0)

  const ledger = new Ledger()
  const refused: string[] = []
  let done = false
  const clients = Array.from({ length: 2 }, async () => {
    while (!done) {
      await act(random, ledger).catch((error) => refused.push(messageOf(error)))
      await sleep(20 + random() * 100)
    }
  })
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(20 + random() * 900)
    await lab.host.agentReady(await lab.host.killAgent())
  }
  done = true
  await Promise.all(clients)
  await converged(lab.host, 120)

  for (const [key, state] of ledger.alive) {
    const [kind = '', name = ''] = key.split('/')
    const found = (await space.list(kind)).some(({ metadata }) => metadata.name === name)
    if (state !== 'asked') expect(`${key} ${found}`).toBe(`${key} ${state === 'there'}`)
  }
  expect(ledger.count, 'the clients did something').toBeGreaterThan(KILLS / 4)
  expect(await space.qemuPid('bystander')).toBe(pid)
  await checkInvariants(lab.host)
})
