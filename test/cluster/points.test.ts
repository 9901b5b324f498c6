// SIGKILL of hosts' agents and of the scheduler at every named crash point of a cluster, while scenarios pass it whose clients do not give up.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Random } from '../chaos/random.ts'
import { keepClusterEvidence } from '../support/cluster.ts'
import { seed } from '../support/seed.ts'
import { clusterAtRest } from './cluster-rest.ts'
import { ALL_DEATHS, DeadlyCluster, type Death } from './deadly-cluster.ts'
import { Lanes } from './lanes.ts'
import { CLUSTER_SCENARIOS } from './point-scenarios.ts'
import type { Scenario } from './scene.ts'

const SEED = seed()
/** Of those alone whose party and point, as they are printed, match that. */
const POINTS = new RegExp(process.env.BERTH_POINTS ?? '')
const CHOSEN = ALL_DEATHS.filter((death) => POINTS.test(death.join(' ')))
/** Each costs a start, and may cost a move. The short form draws some, others at each run. */
const KILLS = Number(process.env.BERTH_KILLS ?? (process.env.BERTH_LONG ? CHOSEN.length : 10))
const DEATHS = new Random(SEED, 'cluster-points').some(CHOSEN, KILLS)
/** So many die in one cluster; for more there is another one after it. */
const MOST_DEATHS = 52
const PARTS = Array.from({ length: Math.max(1, Math.ceil(DEATHS.length / MOST_DEATHS)) }, (_, part) => ({
  part: part + 1,
  deadly: DEATHS.slice(part * MOST_DEATHS, (part + 1) * MOST_DEATHS),
}))
/** That part alone. */
const PART = process.env.BERTH_PART
const PART_MS = 1_800_000

process.stdout.write(`BERTH_SEED=${SEED}\n`)
describe.each(PARTS.filter(({ part }) => PART === undefined || part === Number(PART)))(
  `part $part of ${PARTS.length}`,
  ({ deadly }) => {
    let deadlyCluster: DeadlyCluster

    beforeAll(async () => {
      deadlyCluster = await DeadlyCluster.open(deadly)
    })
    beforeEach((context) => keepClusterEvidence(context, deadlyCluster.cluster))
    afterAll(() => deadlyCluster?.cluster.down())

    it(
      `killed at ${deadly.length} points of a cluster and passing all: one copy lives on, all agree, nothing is left over`,
      {
        timeout: PART_MS,
      },
      () => dieAndLiveOn(deadlyCluster),
    )
  },
)

async function dieAndLiveOn(deadlyCluster: DeadlyCluster): Promise<void> {
  const { cluster, scene } = deadlyCluster
  const look = () => clusterAtRest(cluster, scene.objects)
  const runAll = async (turn: number) => {
    const lanes = new Lanes(CLUSTER_SCENARIOS.length, look)
    const lane = async (scenarios: readonly Scenario[]) => {
      for (const scenario of scenarios) await scenario.run({ ...scene, rest: () => lanes.rest() }, turn)
      lanes.over()
    }
    await Promise.all(CLUSTER_SCENARIOS.map(lane))
  }
  const inWords = (deaths: readonly Death[]) => deaths.map((death) => death.join(' ')).sort()
  await deadlyCluster.arm()
  try {
    // A death can make the second half of an act of another scenario needless, and so hide a point: then once more.
    for (let turn = 0, deaths = -1; deaths < deadlyCluster.passings().died.length; turn++) {
      deaths = deadlyCluster.passings().died.length
      await runAll(turn)
      if (deadlyCluster.passings().missed.length === 0) break
    }
  } finally {
    process.stdout.write(`died:\n${inWords(deadlyCluster.passings().died).join('\n')}\n`)
  }
  const { missed, due, died } = deadlyCluster.passings()
  await deadlyCluster.disarm()
  await look()
  expect(missed, 'points that nobody passes').toEqual([])
  expect(inWords(died), 'who died where').toEqual(inWords(due))
}
