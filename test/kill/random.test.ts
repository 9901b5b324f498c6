// SIGKILL of the agent at random moments while clients create, start, stop, change, import and delete. BERTH_SEED replays a run.
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { World } from '../chaos/world.ts'
import { keepEvidence, type Lab, openLab } from '../support/lab.ts'
import { ROOT } from '../support/lab-place.ts'
import { seed } from '../support/seed.ts'

const SEED = seed()
const KILLS = Number(process.env.BERTH_KILLS ?? (process.env.BERTH_LONG ? 200 : 20))

let lab: Lab

beforeAll(async () => {
  lab = await openLab(1, undefined, { agent: join(ROOT, 'test/crash/berth-agent'), pauseSeconds: 0.1 })
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(() => lab.down())

it(`${KILLS} random kills lose, double and disturb nothing`, async () => {
  process.stdout.write(`BERTH_SEED=${SEED}\n`)
  const world = await World.make({ lab, host: lab.host, seed: SEED, clients: 2, weights: { 'kill-agent': 1 } })
  await world.round(() => (world.troubles.get('kill-agent') ?? 0) >= KILLS)
  const acts = world.clients.reduce((sum, { report }) => sum + report.acts - report.open, 0)
  expect(acts, 'the clients did something').toBeGreaterThan(KILLS)
})
