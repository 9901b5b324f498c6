// Counting guests in a cluster of two hosts of its own, what is seen of them all the time, and how each of them is when all is well.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type Cluster, openCluster } from '../support/cluster.ts'
import type { LabHost } from '../support/lab-host.ts'
import { waitFor } from '../support/wait.ts'
import { ConsoleTails } from './console-tails.ts'
import { CountingMachine, countingMachines, type Guest } from './counting-machines.ts'
import type { Sides } from './parties.ts'
import { RunningCopies } from './running-copies.ts'

const HOSTS = 2
const BOOT_SECONDS = 180
export const REST_SECONDS = 120

/** A machine, and what its guest says. */
export interface MovingGuest {
  readonly machine: CountingMachine
  readonly tails: ConsoleTails
}

export class MovingGuests {
  readonly cluster: Cluster
  readonly all: readonly MovingGuest[]
  readonly copies: RunningCopies

  private constructor(cluster: Cluster, all: readonly MovingGuest[], copies: RunningCopies) {
    this.cluster = cluster
    this.all = all
    this.copies = copies
  }

  /** Resolves when all count and have written. QEMU takes no locks on their disks. `before`: what is to be done with the cluster first. */
  static async open(
    guests: readonly Guest[],
    before: (cluster: Cluster) => Promise<void> = async () => undefined,
  ): Promise<MovingGuests> {
    const cluster = await openCluster(HOSTS, undefined, { unlocked: true })
    await before(cluster)
    const file = join(cluster.dir, 'objects.json')
    await writeFile(file, countingMachines(cluster.served.url('guest.qcow2'), guests))
    await cluster.kubectl('apply', '-f', file)
    const found = await Promise.all(guests.map((guest) => CountingMachine.find(cluster, guest)))
    const all = found.map((machine) => ({ machine, tails: new ConsoleTails(cluster.hosts, machine.uid) }))
    const opened = new MovingGuests(cluster, all, await RunningCopies.open(cluster.hosts, found))
    for (const { tails } of all)
      await waitFor(
        'a guest that counts and has written',
        BOOT_SECONDS,
        () => tails.counts().length > 3 && tails.goodSums().length > 0,
        () => `${tails}`,
      )
    return opened
  }

  async down(): Promise<void> {
    await this.copies.stop()
    for (const { tails } of this.all) tails.close()
    await this.cluster.down()
  }

  /** By name. @throws when there is none */
  guest(name: string): MovingGuest {
    const found = this.all.find(({ machine }) => machine.name === name)
    if (found === undefined) throw new Error(`no guest ${name}`)
    return found
  }

  /** Where it is, and where it would move. */
  async sides({ machine }: MovingGuest): Promise<Sides> {
    const source = await machine.host()
    const target = this.cluster.hosts.find((host) => host !== source) as LabHost
    return { source, target }
  }

  /** One copy, which counts on where it is said to be, unharmed; nothing of it elsewhere. */
  async lives(one: MovingGuest): Promise<void> {
    const { machine, tails } = one
    await this.#rests(one)
    const { name } = await machine.host()
    const [counts, sums] = [tails.counts().at(-1) ?? 0, tails.goodSums().at(-1) ?? 0]
    await waitFor(
      `${machine.name} that counts on ${name}`,
      REST_SECONDS,
      () => Math.max(...tails.counts(name)) > counts + 2 && Math.max(...tails.goodSums(name)) > sums,
      () => `${tails.faults(machine.asked)}\n${tails}`,
    )
    expect(tails.faults(machine.asked)).toEqual([])
    await this.#isAlone(one)
  }

  /** It has begun anew on `host`, once since there were `before` starts of it there; nothing of it is elsewhere. */
  async livesAnew(one: MovingGuest, host: LabHost, before: number): Promise<void> {
    const { machine, tails } = one
    await this.startsAnew(one, host, before)
    await this.#rests(one)
    expect((await machine.host()).name).toBe(host.name)
    expect(tails.starts(host.name)).toBe(before + 1)
    await this.#isAlone(one)
  }

  /** Resolves when its guest counts from the beginning on `host`. */
  async startsAnew({ machine, tails }: MovingGuest, host: LabHost, before: number): Promise<void> {
    await waitFor(
      `${machine.name} that is started anew on ${host.name}`,
      BOOT_SECONDS,
      () => tails.starts(host.name) > before,
      async () => `${await machine.told()}\n${tails}`,
    )
  }

  async #rests({ machine }: MovingGuest): Promise<void> {
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
  }

  async #isAlone({ machine }: MovingGuest): Promise<void> {
    expect(this.copies.twice).toEqual([])
    const { name } = await machine.host()
    // The libvirt of its host may have been away until a moment ago.
    await waitFor(
      `${machine.name} that runs on ${name}`,
      REST_SECONDS,
      async () => `${await this.copies.of(machine)}` === name,
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
}
