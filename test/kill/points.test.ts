// SIGKILL of the agent at every named crash point, while scenarios pass it whose client does not give up.
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { checkInvariants, converged } from '../chaos/invariants/index.ts'
import { Random } from '../chaos/random.ts'
import { networkLost, SCENARIOS, type Scenario } from '../chaos/scenarios.ts'
import { SteadySpace } from '../chaos/steady-space.ts'
import { Orders } from '../crash/orders.ts'
import { CRASH_POINTS } from '../crash/points.ts'
import { keepEvidence, type Lab, openLab } from '../support/lab.ts'
import { ROOT } from '../support/lab-place.ts'
import { seed } from '../support/seed.ts'

const SEED = seed()
/** Each costs an agent's start. The short form draws some, others at each run. */
const DEADLY = process.env.BERTH_LONG ? CRASH_POINTS : new Random(SEED, 'points').some(CRASH_POINTS, 36)
/** Passings of one point that are tried in the long form. */
const MOST_PASSINGS = 3
const MOST_TURNS = 3
/** A minute or two by itself; an agent's start takes many times longer on a machine with other work. */
const ALL_MS = 1_500_000

let lab: Lab
let orders: Orders
let still: SteadySpace
let rounds = 0

beforeAll(async () => {
  lab = await openLab(1, undefined, { agent: join(ROOT, 'test/crash/berth-agent'), pauseSeconds: 0.1 })
  orders = new Orders(lab.host.dir)
  still = new SteadySpace(lab.host, 'still')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(() => lab.down())

/** In a namespace of its own, which is gone in the end. */
async function run(scenario: Scenario): Promise<void> {
  const space = new SteadySpace(lab.host, `${scenario.name}-${rounds++}`)
  await space.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: space.namespace } })
  await scenario.run(space, lab)
  await space.delete('Namespace', space.namespace)
  await space.untilGone('Namespace', space.namespace, 120)
}

async function checkRest(pid: number): Promise<void> {
  await orders.clear()
  await lab.host.agentReady()
  await converged(lab.host)
  await checkInvariants(lab.host)
  expect(await still.qemuPid('bystander'), 'the QEMU of the machine that has nothing to do with it').toBe(pid)
}

async function bystander(): Promise<number> {
  await still.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: still.namespace } })
  await still.bareVm('bystander')
  await still.untilPhase('bystander', 'Running')
  return await still.qemuPid('bystander')
}

it(`killed once at each of ${DEADLY.length} points and passing all, nothing is lost, doubled, disturbed or left over`, {
  timeout: ALL_MS,
}, async () => {
  process.stdout.write(`BERTH_SEED=${SEED}\n`)
  await orders.give({ do: 'die-at-each', points: DEADLY })
  await networkLost.run(still, lab)
  const pid = await bystander()
  const missed = () => CRASH_POINTS.filter((point) => !orders.passed().includes(point))
  // A death can make the second half of an act of another scenario needless, and so hide a point: then once more.
  await Promise.all(SCENARIOS.map(run))
  for (let turn = 1; turn < MOST_TURNS && missed().length > 0; turn++) await Promise.all(SCENARIOS.map(run))
  const [left, died] = [missed(), orders.died()]
  await checkRest(pid)
  expect(left, 'points that nothing passes').toEqual([])
  expect([...died].sort(), 'points at which it died').toEqual([...DEADLY].sort())
})

if (process.env.BERTH_LONG) describe('killed at each passing of a point alone', eachAlone)

function eachAlone(): void {
  const passings = new Map<string, { readonly scenario: Scenario; readonly times: number }>()
  let pid = 0

  beforeAll(async () => {
    pid = (await still.qemuPid('bystander')) || (await bystander())
    // The network is lost only while no machine runs.
    for (const scenario of SCENARIOS) {
      await orders.give({ do: 'die-at-each', points: [] })
      await run(scenario)
      const passed = orders.passed()
      await orders.clear()
      for (const point of new Set(passed)) {
        const times = passed.filter((one) => one === point).length
        if (times > (passings.get(point)?.times ?? 0)) passings.set(point, { scenario, times })
      }
    }
  })

  for (const point of CRASH_POINTS.filter((one) => !one.includes('network')))
    it(point, async () => {
      const { scenario, times } = passings.get(point) ?? expect.fail('no scenario passes it')
      for (let nth = 1; nth <= Math.min(times, MOST_PASSINGS); nth++) {
        await orders.give({ do: 'die', id: `${point} ${nth}`, point, nth })
        await run(scenario)
        // How often a status is written differs from run to run; the first time always comes.
        if (nth === 1) expect(orders.died()).toEqual([point])
        await checkRest(pid)
      }
    })
}
