// SIGKILL of the agent at every named crash point, while scenarios pass it that do not give up.
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { checkInvariants, converged } from '../chaos/invariants/index.ts'
import { networkLost, SCENARIOS } from '../chaos/scenarios.ts'
import { SteadySpace } from '../chaos/steady-space.ts'
import { Orders } from '../crash/orders.ts'
import { CRASH_POINTS } from '../crash/points.ts'
import { keepEvidence, type Lab, openLab } from '../support/lab.ts'
import { ROOT } from '../support/lab-place.ts'

let lab: Lab
let orders: Orders

beforeAll(async () => {
  lab = await openLab(1, undefined, { agent: join(ROOT, 'test/crash/berth-agent'), pauseSeconds: 0.1 })
  orders = new Orders(lab.host.dir)
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(() => lab.down())

/** All scenarios at the same time, each in a namespace of its own that is gone in the end. */
async function runAll(round: number): Promise<void> {
  await networkLost.run(new SteadySpace(lab.host, 'none'), lab)
  await Promise.all(
    SCENARIOS.map(async (scenario) => {
      const space = new SteadySpace(lab.host, `${scenario.name}-${round}`)
      await space.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: space.namespace } })
      await scenario.run(space, lab)
      await space.delete('Namespace', space.namespace)
      await space.untilGone('Namespace', space.namespace, 120)
    }),
  )
}

it('killed once at each named point, nothing is lost, doubled, disturbed or left over', async () => {
  await orders.give({ do: 'die-at-each', points: CRASH_POINTS })
  const begun = performance.now()
  await runAll(0)
  const died = orders.died()
  process.stdout.write(`${died.length} deaths in ${Math.round((performance.now() - begun) / 1000)} s\n`)
  await orders.clear()
  await lab.host.agentReady()
  await converged(lab.host)
  await checkInvariants(lab.host)
  expect([...died].sort()).toEqual([...CRASH_POINTS].sort())
})
