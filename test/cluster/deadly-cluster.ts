// A cluster whose agents and scheduler die at named crash points: who is to die where, who passed and died, and the scene that scenarios need.
import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MEMBER_POINTS } from '../crash/member-points.ts'
import { Orders } from '../crash/orders.ts'
import { FIRST_START_POINTS, SCHEDULER_POINTS } from '../crash/scheduler-points.ts'
import { type Cluster, openCluster } from '../support/cluster.ts'
import { labPlace, ROOT, scriptsLab } from '../support/lab-place.ts'
import { flagsOf } from '../support/open-lab.ts'
import { powerSwitch } from '../support/power-switch.ts'
import type { Scene } from './scene.ts'
import { SteadyObjects } from './steady-objects.ts'

const HOSTS = ['h1', 'h2', 'h3'] as const
export type Party = 'scheduler' | (typeof HOSTS)[number]
/** Who dies where. */
export type Death = readonly [Party, string]

/** Not every host passes every point. */
export const ALL_DEATHS: readonly Death[] = [
  ...SCHEDULER_POINTS.map((point) => ['scheduler', point] as const),
  ...HOSTS.flatMap((host) => MEMBER_POINTS.map((point) => [host, point] as const)),
]

const OPTIONS = {
  scheduler: true,
  unlocked: true,
  agent: join(ROOT, 'test/crash/berth-agent'),
  schedulerProgram: join(ROOT, 'test/crash/berth-scheduler'),
  pauseSeconds: 0.1,
} as const
/** Short, so that a scheduler that died has not to listen for long; the command takes less than a second. */
const FAILOVER = 'graceSeconds: 1, fencing: {deadlineSeconds: 5'

const pointsOf = (deaths: readonly Death[], party: Party): readonly string[] =>
  deaths.flatMap(([one, point]) => (one === party ? [point] : []))

/** What was passed, and where somebody died, until now. */
export interface Passings {
  /** Points that nobody has passed. */
  readonly missed: readonly string[]
  readonly died: readonly Death[]
  /** Deaths that were ordered, and whose party has passed the point. */
  readonly due: readonly Death[]
}

export class DeadlyCluster {
  readonly cluster: Cluster
  readonly scene: Omit<Scene, 'rest'>
  readonly #deadly: readonly Death[]
  readonly #orders: ReadonlyMap<Party, Orders>

  private constructor(
    cluster: Cluster,
    scene: Omit<Scene, 'rest'>,
    deadly: readonly Death[],
    orders: ReadonlyMap<Party, Orders>,
  ) {
    this.cluster = cluster
    this.scene = scene
    this.#deadly = deadly
    this.#orders = orders
  }

  /** Three hosts that have joined; the scheduler dies from its first start on, the hosts from {@link arm} on. */
  static async open(deadly: readonly Death[]): Promise<DeadlyCluster> {
    const place = await labPlace()
    const ofScheduler = new Orders(join(place.dir, 'scheduler'))
    await mkdir(join(place.dir, 'scheduler'), { recursive: true })
    // The lab lets the hosts join once, and does not try again.
    const first = pointsOf(deadly, 'scheduler').filter((point) => FIRST_START_POINTS.includes(point))
    await ofScheduler.give({ do: 'die-at-each', points: first })
    const cluster = await openCluster(HOSTS.length, place, OPTIONS)
    const command = await powerSwitch(cluster.dir)
    const config = `failover: {${FAILOVER}, command: ["${command}", "{node}"]}}\n`
    await appendFile(join(cluster.scheduler.dir, 'scheduler.yaml'), config)
    await appendFile(join(cluster.hostOf('h3').dir, 'agent.yaml'), 'failover: {selfFencing: timeout}\n')
    await Promise.all([cluster.scheduler.restart(), cluster.hostOf('h3').restartAgent()])
    const port = new URL(cluster.served.origin).port
    const scene = {
      cluster,
      objects: new SteadyObjects(cluster.scheduler.client),
      powerOn: async () => {
        await scriptsLab(['up', '3', '--dir', cluster.dir, '--allow', `gateway:${port}`, ...flagsOf(OPTIONS)])
      },
    }
    const ofHosts = HOSTS.map((name) => [name, new Orders(cluster.hostOf(name).dir)] as const)
    return new DeadlyCluster(cluster, scene, deadly, new Map([['scheduler', ofScheduler], ...ofHosts]))
  }

  async arm(): Promise<void> {
    for (const [party, orders] of this.#orders)
      await orders.give({ do: 'die-at-each', points: pointsOf(this.#deadly, party) })
  }

  /** Nobody dies any more, and what was passed is forgotten. */
  async disarm(): Promise<void> {
    for (const orders of this.#orders.values()) await orders.clear()
  }

  passings(): Passings {
    const passed = new Map([...this.#orders].map(([party, orders]) => [party, new Set(orders.passed())] as const))
    const byHosts = (point: string) => HOSTS.some((host) => passed.get(host)?.has(point))
    return {
      missed: [
        ...MEMBER_POINTS.filter((point) => !byHosts(point)).map((point) => `a host: ${point}`),
        ...SCHEDULER_POINTS.filter((point) => !passed.get('scheduler')?.has(point)).map(
          (point) => `the scheduler: ${point}`,
        ),
      ],
      died: [...this.#orders].flatMap(([party, orders]) => orders.died().map((point) => [party, point] as const)),
      due: this.#deadly.filter(([party, point]) => passed.get(party)?.has(point)),
    }
  }
}
