// One host with clients that work, troubles that come, and a machine beside them that must not notice. A round ends in peace: then
// everything has to be as it was promised.

import { Orders } from '../crash/orders.ts'
import type { LabHost } from '../support/lab-host.ts'
import type { Lab } from '../support/open-lab.ts'
import { Space } from '../support/space.ts'
import { ChaosClient } from './client.ts'
import { checkInvariants, converged } from './invariants/index.ts'
import { objectsOf } from './invariants/seen.ts'
import { pause } from './pause.ts'
import { brokenPromises } from './promises.ts'
import { Random } from './random.ts'
import { type Trouble, Troubles, type Weights } from './troubles.ts'

const BYSTANDER = 'bystander'
/** Until everything is at rest after a round; far above what it takes. */
const CALM_SECONDS = 180

export interface WorldOptions {
  readonly lab: Lab
  readonly host: LabHost
  readonly seed: number
  readonly clients: number
  readonly weights: Weights
}

export class World {
  readonly clients: readonly ChaosClient[]
  readonly #host: LabHost
  readonly #orders: Orders
  readonly #troubles: Troubles
  readonly #still: Space
  readonly #pid: number

  private constructor({ lab, host, seed, clients, weights }: WorldOptions, still: Space, pid: number) {
    this.#host = host
    this.#still = still
    this.#pid = pid
    this.#orders = new Orders(host.dir)
    const stream = (who: string) => new Random(seed, `${host.name}/${who}`)
    this.clients = Array.from(
      { length: clients },
      (_, index) => new ChaosClient(lab, host, `client-${index}`, stream(`client-${index}`)),
    )
    this.#troubles = new Troubles({
      host,
      orders: this.#orders,
      random: stream('troubles'),
      weights,
      spared: [still.domain(BYSTANDER)],
    })
  }

  /** The bystander runs, and each client has its namespace. */
  static async make(options: WorldOptions): Promise<World> {
    const { host } = options
    const still = new Space(host, 'still')
    await still.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: still.namespace } })
    await still.bareVm(BYSTANDER)
    await still.untilPhase(BYSTANDER, 'Running')
    const world = new World(options, still, await still.qemuPid(BYSTANDER))
    for (const { space } of world.clients)
      await space.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: space.namespace } })
    return world
  }

  /** How often each trouble came. */
  get troubles(): ReadonlyMap<Trouble, number> {
    return this.#troubles.counts
  }

  /** Work and trouble until `isOver`, then peace and the verdict. @throws naming what is wrong */
  async round(isOver: () => boolean): Promise<void> {
    const working = new AbortController()
    const loops = this.clients.map(async (client) => {
      while (!working.signal.aborted) {
        await client.act()
        await pause(client.pauseMs(), working.signal)
      }
    })
    try {
      while (!isOver()) {
        await pause(this.#troubles.pauseMs())
        await this.#troubles.cause()
      }
    } finally {
      working.abort()
      await Promise.all(loops)
    }
    await this.#orders.clear()
    await this.#judge()
  }

  async #judge(): Promise<void> {
    await this.#host.agentReady()
    await converged(this.#host, CALM_SECONDS)
    await checkInvariants(this.#host)
    const objects = await objectsOf(this.#host)
    const broken = this.clients.flatMap((client) => brokenPromises(client, objects))
    const pid = await this.#still.qemuPid(BYSTANDER)
    if (pid !== this.#pid) broken.push(`the bystander runs in QEMU ${pid}, and ran in ${this.#pid}`)
    if (broken.length > 0) throw new Error(`promises are broken:\n${broken.join('\n')}`)
  }
}
