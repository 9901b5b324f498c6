// A cluster in virtual time: hosts, network, and the scheduler's process, with what watches over them all.
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { timestamp } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import type { FenceCommand } from '../../scheduler/failover/fence.ts'
import { type HostFinds, planRebuild } from '../../scheduler/recovery/plan.ts'
import { takeUp } from '../../scheduler/recovery/rebuild.ts'
import type { LeaseAnswer, LeaseAsk, LeaseEvidence } from '../../schemas/cluster/leaserenewal.ts'
import { EVIDENCE_KINDS } from '../../schemas/cluster/leaserenewal.ts'
import { VMS } from '../../schemas/resources.ts'
import { durationsOf } from './durations.ts'
import { SimHost } from './host/host.ts'
import type { Peer } from './host/migration.ts'
import { Invariants } from './invariants.ts'
import { Journal } from './journal.ts'
import { Network, type Party } from './network.ts'
import { specOfHost } from './objects.ts'
import type { HostText, Scenario } from './scenario.ts'
import { type Ending, SchedulerProcess } from './scheduler.ts'
import { type Life, MachineClock, Timeline } from './time.ts'

/** Where the databases of runs lie: memory, where there is some. */
const SCRATCH = process.env.BERTH_SIM_DIR ?? '/dev/shm'

const FENCING_MS = 3_000
const FENCING_DEADLINE_MS = 20_000

/** A name under which a scheduler's process is found, whichever lives. */
class Seat implements Party {
  readonly name: string
  readonly folder: string
  readonly clock: MachineClock
  process: SchedulerProcess | null = null
  /** Writes until the next process, or this one, is killed at one. */
  ending: Ending | null = null
  /** No space is left on its disk. */
  full = false

  constructor(name: string, folder: string, timeline: Timeline) {
    this.name = name
    this.folder = folder
    this.clock = new MachineClock(timeline)
  }

  life(): Life | null {
    return this.process?.life ?? null
  }
}

export class World {
  readonly timeline = new Timeline()
  readonly network: Network
  readonly journal: Journal
  readonly hosts: ReadonlyMap<string, SimHost>
  readonly invariants: Invariants
  readonly #scenario: Scenario
  readonly #folder = mkdtempSync(join(SCRATCH, 'berth-sim-'))
  readonly #seats = new Map<string, Seat>()
  readonly #violations: string[] = []
  readonly #faults: unknown[] = []
  /** Who waits for something to become so. */
  readonly #waiting = new Set<() => void>()
  #runs = 0
  #over = false

  constructor(scenario: Scenario) {
    this.#scenario = scenario
    const { seed } = scenario
    this.network = new Network(this.timeline, durationsOf(seed, 'network'))
    this.journal = new Journal(this.timeline)
    this.hosts = new Map(Object.entries(scenario.hosts).map(([name, text]) => [name, this.#host(name, text)]))
    this.invariants = new Invariants([...this.hosts.values()])
  }

  get violations(): readonly string[] {
    return this.#violations
  }

  /** The process that answers under the name now. */
  scheduler(name = 'scheduler'): SchedulerProcess | null {
    return this.#seats.get(name)?.process ?? null
  }

  host(name: string | undefined): SimHost {
    const host = this.hosts.get(name ?? '')
    if (host === undefined) throw new Error(`there is no host ${name}`)
    return host
  }

  /** Lets time pass. @throws what went wrong in the simulation itself */
  async passUntil(ms: number): Promise<void> {
    await this.timeline.runUntil(ms, () => {
      for (const words of this.invariants.look()) {
        this.#violations.push(words)
        this.journal.say('!!', words)
      }
      if (this.#faults.length > 0) throw this.#faults[0]
      for (const look of [...this.#waiting]) look()
    })
  }

  /** Resolves at the first moment at which it is so, with true; with false when it is not within `ms`. */
  until(isSo: () => boolean, ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const look = () => {
        if (isSo()) end(true)
      }
      const end = (answer: boolean) => {
        late()
        if (this.#waiting.delete(look)) this.timeline.after(0, () => resolve(answer))
      }
      this.#waiting.add(look)
      const late = this.timeline.after(ms, () => end(false))
    })
  }

  /** In words, what the scheduler still did in the last seconds: with nothing to decide it must decide nothing. */
  restless(seconds: number): readonly string[] {
    const since = this.timeline.now / 1000 - seconds
    const late = this.journal.lines.filter((line) => Number(line.slice(0, 6)) > since)
    return late.length === 0
      ? []
      : [`no rest: ${late.length} things happened in the last ${seconds} s, such as "${late.at(-1)?.trim()}"`]
  }

  /** Something that must not be thrown was. */
  fault(error: unknown): void {
    this.#faults.push(error)
  }

  // The scheduler's machine.

  /** Resolves when the process serves. `restored`: as the program after a restore of its database. */
  async startScheduler(name = 'scheduler', restored = false, idle = false): Promise<SchedulerProcess> {
    const seat = this.#seat(name)
    if (seat.process !== null) throw new Error(`${name} runs already`)
    this.journal.say(name, 'starts')
    const process = new SchedulerProcess({
      name,
      folder: seat.folder,
      restored,
      idle,
      clock: seat.clock,
      timeline: this.timeline,
      network: this.network,
      hosts: this.hosts,
      party: seat,
      fence: this.#fence(seat),
      config: this.#scenario.scheduler,
      tell: (change) => this.journal.tell(name, change),
      say: (words) => this.journal.say(name, words),
      ending: seat.ending,
      full: seat.full,
      onEnd: () => {
        seat.ending = null
        if (seat.process === process) seat.process = null
        if (!this.#over) this.journal.say(name, 'is killed')
      },
      onFault: (error) => this.fault(error),
    })
    seat.process = process
    try {
      await process.start()
    } catch (error) {
      this.journal.say(name, `cannot start: ${messageOf(error)}`)
      await process.kill()
      throw error
    }
    return process
  }

  killScheduler(name = 'scheduler'): Promise<void> {
    return this.#seat(name).process?.kill() ?? Promise.resolve()
  }

  /** As `berth-scheduler --rebuild --missing` with all hosts, while no scheduler runs; and it is started. */
  async takeUpHosts(): Promise<void> {
    const silent = [...this.hosts.values()].filter(({ agent }) => agent === null).map(({ name }) => name)
    if (silent.length > 0) throw new Error(`${silent.join(', ')} cannot be read, and nothing was written`)
    await this.killScheduler()
    const { resources, life } = await this.startScheduler('scheduler', true, true)
    const plan = planRebuild([...this.hosts.values()].map(findsOf), timestamp(life.now()))
    for (const words of plan.lost) this.journal.say('rebuild', `not recovered: ${words}`)
    for (const each of plan.objects)
      await takeUp(resources, each).catch((error) =>
        this.journal.say('rebuild', `${each.object.metadata.name}: ${messageOf(error)}`),
      )
    await this.killScheduler()
    await this.startScheduler('scheduler', true)
  }

  /** The next process, or the present one, is killed at its n-th write from now. */
  killAtWrite(ending: Ending | null, name = 'scheduler'): void {
    const seat = this.#seat(name)
    if (seat.process === null || ending === null) seat.ending = ending
    seat.process?.endAt(ending)
  }

  /** Its disk is full from now on, for this process and the next ones, or has space again. */
  setFull(full: boolean, name = 'scheduler'): void {
    const seat = this.#seat(name)
    seat.full = full
    seat.process?.setFull(full)
  }

  isFull(name = 'scheduler'): boolean {
    return this.#seat(name).full
  }

  clockOf(name: string): MachineClock {
    return this.hosts.get(name)?.machine.clock ?? this.#seat(name).clock
  }

  hasStore(name: string): boolean {
    return existsSync(this.#folderOf(name))
  }

  /** Copies a store that nobody writes at this moment. */
  copyStore(from: string, to: string): void {
    const [source, target] = [this.#folderOf(from), this.#folderOf(to)]
    rmSync(target, { recursive: true, force: true })
    cpSync(source, target, { recursive: true, filter: (path) => !path.endsWith('.lock') })
  }

  /** Ends everything. */
  async end(): Promise<void> {
    this.#over = true
    for (const { process } of this.#seats.values()) await process?.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Somebody who can cut the power of hosts from outside, as far as the scenario has one. */
  #fence(seat: Seat): FenceCommand {
    const of = (node: string) => this.#scenario.hosts[node]?.fencing
    return {
      has: (node) => of(node) !== undefined,
      fence: async (node) => {
        const life = seat.life()
        this.journal.say('fencing', `${node} is to be powered off`)
        await life?.sleep(FENCING_MS)
        if (of(node) === 'hangs') await life?.sleep(FENCING_DEADLINE_MS)
        if (of(node) !== 'works') throw new Error('the management board does not answer')
        this.host(node).crash()
        return 'fence-tool succeeded'
      },
    }
  }

  #folderOf(name: string): string {
    return join(this.#folder, name)
  }

  #seat(name: string): Seat {
    const known = this.#seats.get(name)
    if (known !== undefined) return known
    const seat = new Seat(name, this.#folderOf(name), this.timeline)
    this.#seats.set(name, seat)
    return seat
  }

  #host(name: string, text: HostText): SimHost {
    const { seed } = this.#scenario
    return new SimHost({
      spec: specOfHost(name, text),
      evidence: evidenceOf(text.evidence),
      timeline: this.timeline,
      random: durationsOf(seed, `host ${name}`),
      say: (words) => this.journal.say(name, words),
      nextRun: () => {
        this.#runs += 1
        return this.#runs
      },
      renew: (ask) => this.#renew(name, ask),
      peer: (other) => this.#peer(name, other),
      onFault: (error) => this.fault(error),
    })
  }

  /** Agents know one address of the scheduler. */
  #renew(node: string, ask: LeaseAsk): Promise<LeaseAnswer> {
    const seat = this.#seat('scheduler')
    return this.network.call(this.host(node), seat, () => {
      if (seat.process === null) throw new Error('nobody listens')
      return seat.process.renew(ask)
    })
  }

  #peer(node: string, other: string): Peer {
    const [host, peer] = [this.host(node), this.host(other)]
    const call = <T>(work: (agent: NonNullable<SimHost['agent']>) => Promise<T>): Promise<T> =>
      this.network.call(host, peer, () => {
        if (peer.agent === null) throw new Error('nobody listens')
        return work(peer.agent)
      })
    return {
      prepare: (uid, id) => call((agent) => agent.migrations.prepare(uid, id)),
      finish: (uid, id) => call((agent) => agent.migrations.finish(uid, id)),
      abort: (uid, id) => call((agent) => agent.migrations.abort(uid, id)),
      runOf: (uid) => peer.machine.domain(uid)?.run ?? null,
      takes: (uid) => this.network.reaches(node, other) && peer.machine.domain(uid)?.state === 'incoming',
    }
  }
}

/** `watchdog 10`, `watchdog 10 whole`, `timeout 5`. */
function evidenceOf(text: string | undefined): readonly LeaseEvidence[] {
  if (text === undefined) return []
  const [word, seconds, whole] = text.split(' ')
  const kind = EVIDENCE_KINDS.find((one) => one === word)
  if (kind === undefined) throw new Error(`there is no evidence ${text}`)
  return [{ kind, seconds: Number(seconds ?? 10), ...(whole === 'whole' ? { whole: true } : {}) }]
}

/** What the program reads of a host. */
const findsOf = ({ name, disk }: SimHost): HostFinds => ({
  node: name,
  url: '',
  object: null,
  bindings: disk.bindings(),
  machines: new Map(disk.objects(VMS).map((object) => [object.metadata.uid, object])),
})
