// SIGKILL of hosts' agents and of the scheduler at every named crash point of a cluster, while scenarios pass it whose clients do not give up.
import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { Random } from '../chaos/random.ts'
import { MEMBER_POINTS } from '../crash/member-points.ts'
import { Orders } from '../crash/orders.ts'
import { FIRST_START_POINTS, SCHEDULER_POINTS } from '../crash/scheduler-points.ts'
import { type Cluster, keepClusterEvidence, openCluster } from '../support/cluster.ts'
import { labPlace, ROOT, scriptsLab } from '../support/lab-place.ts'
import { flagsOf } from '../support/open-lab.ts'
import { powerSwitch } from '../support/power-switch.ts'
import { clusterAtRest } from './cluster-rest.ts'
import { CLUSTER_SCENARIOS, type Scenario, type Scene } from './point-scenarios.ts'
import { SteadyObjects } from './steady-objects.ts'

const SEED = Number(process.env.BERTH_SEED ?? Math.floor(Math.random() * 2 ** 31))
const HOSTS = ['h1', 'h2', 'h3'] as const
type Party = 'scheduler' | (typeof HOSTS)[number]
/** Who dies where. Each costs a start, and may cost a move. The short form draws some, others at each run; not every host passes every point. */
const ALL: readonly (readonly [Party, string])[] = [
  ...SCHEDULER_POINTS.map((point) => ['scheduler', point] as const),
  ...HOSTS.flatMap((host) => MEMBER_POINTS.map((point) => [host, point] as const)),
]
const KILLS = Number(process.env.BERTH_KILLS ?? (process.env.BERTH_LONG ? ALL.length : 10))
const DEADLY = new Random(SEED, 'cluster-points').some(ALL, KILLS)
const deadlyOf = (party: Party): readonly string[] => DEADLY.flatMap(([one, point]) => (one === party ? [point] : []))
const MOST_TURNS = 3
const ALL_MS = process.env.BERTH_LONG ? 5_400_000 : 1_200_000
const OPTIONS = {
  scheduler: true,
  unlocked: true,
  agent: join(ROOT, 'test/crash/berth-agent'),
  schedulerProgram: join(ROOT, 'test/crash/berth-scheduler'),
  pauseSeconds: 0.1,
} as const
/** Short, so that a scheduler that died has not to listen for long; the command takes less than a second. */
const FAILOVER = 'graceSeconds: 1, fencing: {deadlineSeconds: 5'

let cluster: Cluster
let scene: Scene
let orders: ReadonlyMap<Party, Orders>

beforeAll(async () => {
  process.stdout.write(`BERTH_SEED=${SEED}\n`)
  const place = await labPlace()
  const ofScheduler = new Orders(join(place.dir, 'scheduler'))
  await mkdir(join(place.dir, 'scheduler'), { recursive: true })
  // The lab lets the hosts join once, and does not try again.
  const first = deadlyOf('scheduler').filter((point) => FIRST_START_POINTS.includes(point))
  await ofScheduler.give({ do: 'die-at-each', points: first })
  cluster = await openCluster(HOSTS.length, place, OPTIONS)
  orders = new Map([
    ['scheduler', ofScheduler],
    ...HOSTS.map((name) => [name, new Orders(cluster.hostOf(name).dir)] as const),
  ])
  const command = await powerSwitch(cluster.dir)
  const config = `failover: {${FAILOVER}, command: ["${command}", "{node}"]}}\n`
  await appendFile(join(cluster.scheduler.dir, 'scheduler.yaml'), config)
  await appendFile(join(cluster.hostOf('h3').dir, 'agent.yaml'), 'failover: {selfFencing: timeout}\n')
  await Promise.all([cluster.scheduler.restart(), cluster.hostOf('h3').restartAgent()])
  const port = new URL(cluster.served.origin).port
  scene = {
    cluster,
    objects: new SteadyObjects(cluster.scheduler.client),
    powerOn: async () => {
      await scriptsLab(['up', '3', '--dir', cluster.dir, '--allow', `gateway:${port}`, ...flagsOf(OPTIONS)])
    },
  }
})
beforeEach((context) => keepClusterEvidence(context, cluster))
afterAll(() => cluster?.down())

const passedBy = (party: Party): readonly string[] => orders.get(party)?.passed() ?? []

/** Points that nobody has passed. */
function missed(): readonly string[] {
  const byHosts = new Set(HOSTS.flatMap(passedBy))
  const byScheduler = new Set(passedBy('scheduler'))
  return [
    ...MEMBER_POINTS.filter((point) => !byHosts.has(point)).map((point) => `a host: ${point}`),
    ...SCHEDULER_POINTS.filter((point) => !byScheduler.has(point)).map((point) => `the scheduler: ${point}`),
  ]
}

async function runAll(lane: readonly Scenario[], turn: number): Promise<void> {
  for (const scenario of lane) await scenario.run(scene, turn)
}

it(`killed at ${DEADLY.length} points of a cluster and passing all: one copy lives on, all agree, nothing is left over`, {
  timeout: ALL_MS,
}, async () => {
  for (const [party, each] of orders) await each.give({ do: 'die-at-each', points: deadlyOf(party) })
  // A death can make the second half of an act of another scenario needless, and so hide a point: then once more.
  for (let turn = 0; turn < MOST_TURNS && (turn === 0 || missed().length > 0); turn++) {
    await Promise.all(CLUSTER_SCENARIOS.map((lane) => runAll(lane, turn)))
  }
  const [left, all] = [missed(), [...orders].map(([party, each]) => [party, each.passed(), each.died()] as const)]
  for (const each of orders.values()) await each.clear()
  await clusterAtRest(cluster, scene.objects)
  expect(left, 'points that nobody passes').toEqual([])
  for (const [party, passed, died] of all) {
    const deadly = deadlyOf(party).filter((point) => passed.includes(point))
    expect([...died].sort(), `points at which ${party} died`).toEqual([...deadly].sort())
  }
  process.stdout.write(`died: ${all.map(([party, , died]) => `${party} ${died.length}`).join(', ')}\n`)
})
