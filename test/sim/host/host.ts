// A simulated host: its machine, its disk, and the agent that lives there now. What happens to it is called from outside.

import type { LeaseAnswer, LeaseAsk, LeaseEvidence } from '../../../schemas/cluster/leaserenewal.ts'
import { NODES } from '../../../schemas/resources.ts'
import type { Durations } from '../durations.ts'
import type { Party } from '../network.ts'
import type { Life, Timeline } from '../time.ts'
import { SimAgent } from './agent.ts'
import { AgentDisk } from './disk.ts'
import { Machine } from './machine.ts'
import type { Peer } from './migration.ts'
import { type HostSpec, nodeOf } from './node.ts'

export interface HostOptions {
  readonly spec: HostSpec
  /** What it can show for its guests being dead when its lease is over. */
  readonly evidence: readonly LeaseEvidence[]
  readonly timeline: Timeline
  readonly random: Durations
  readonly renew: (ask: LeaseAsk, life: Life) => Promise<LeaseAnswer>
  readonly peer: (node: string, life: Life) => Peer
  readonly say: (words: string) => void
  readonly nextRun: () => number
  /** Hears what the simulation itself did wrong. */
  readonly onFault: (error: unknown) => void
}

const MIB = 1_048_576
const AGENT_PAUSE_MS = 1_000
const BOOT_MS = 30_000
const FENCER_MS = 250
/** Seconds that an agent adds to its bound. */
const FENCER_MARGIN = 2

export class SimHost implements Party {
  readonly machine: Machine
  readonly disk = new AgentDisk()
  readonly #options: HostOptions
  #agent: SimAgent | null = null
  #ended = new Set<() => void>()
  /** Boot clock, ms. */
  #leaseUntil = 0
  /** The boot in which the fencer runs. */
  #fenced = ''
  /** The fencer hangs: boot clock, ms, since when; null: it does not. */
  #stuckSince: number | null = null
  /** Uids that the scheduler may believe to end with the lease. */
  #claimed: ReadonlySet<string> = new Set()

  constructor(options: HostOptions) {
    this.#options = options
    const { spec, timeline, random, say, nextRun } = options
    this.machine = new Machine({ name: spec.name, timeline, random, say, nextRun })
  }

  get name(): string {
    return this.#options.spec.name
  }

  get spec(): HostSpec {
    return this.#options.spec
  }

  get agent(): SimAgent | null {
    return this.#agent
  }

  life(): Life | null {
    return this.#agent?.life ?? null
  }

  /** Called once, when the agent that lives now has ended: its connections are closed. */
  onAgentEnd(hear: () => void): () => void {
    this.#ended.add(hear)
    return () => this.#ended.delete(hear)
  }

  /** Starts an agent, if the host runs and has none. */
  startAgent(): void {
    if (!this.machine.powered || this.#agent !== null) return
    const { spec, timeline, random, evidence, renew, peer, say, onFault } = this.#options
    const capacity = { milliCores: spec.cores * 1000, memoryBytes: spec.memoryMiB * MIB }
    const { machine, disk } = this
    const onRenewed = (until: number) => {
      this.#leaseUntil = until
    }
    this.#agent = new SimAgent({
      machine,
      disk,
      capacity,
      timeline,
      random,
      evidence,
      renew,
      peer,
      say,
      onFault,
      onRenewed,
      claims: {
        add: (uids) => {
          this.#claimed = new Set([...this.#claimed, ...uids])
        },
        settle: (uids) => {
          this.#claimed = new Set(uids)
        },
        has: (uid) => this.#claimed.has(uid),
      },
    })
    this.look()
    this.#agent.start()
    if (this.#fenced !== machine.bootId) this.#fencer()
    this.#fenced = machine.bootId
  }

  /** The Node as its agent sees it now. */
  look(): void {
    const { machine, disk } = this
    const before = disk.object(NODES, `node-${this.name}`)
    const node = nodeOf(this.spec, {
      bootId: machine.bootId,
      libvirt: machine.libvirtAnswers,
      now: machine.clock.wall(),
    })
    const creationTimestamp = before?.metadata.creationTimestamp ?? node.metadata.creationTimestamp
    disk.putObject(NODES, { ...node, metadata: { ...node.metadata, creationTimestamp } })
  }

  killAgent(): void {
    this.#endAgent()
    this.machine.life.after(AGENT_PAUSE_MS, () => this.startAgent())
  }

  freezeAgent(): void {
    this.#agent?.life.freeze()
  }

  thawAgent(): void {
    this.#agent?.life.thaw()
  }

  /** The fencer, and it alone, does nothing any more. */
  stopFencer(): void {
    this.#stuckSince ??= this.machine.clock.boottime()
  }

  /** The power is cut; it stays off. */
  crash(): void {
    if (!this.machine.powered) return
    this.machine.off()
    this.#leaseUntil = 0
    this.#stuckSince = null
    this.#claimed = new Set()
    this.#endAgent()
    this.#options.say('is off')
  }

  /** The power comes back; the agent is there once it has booted. */
  boot(): void {
    if (this.machine.powered) return
    this.machine.on()
    this.#options.say('boots')
    this.machine.life.after(BOOT_MS, () => this.startAgent())
  }

  reboot(): void {
    this.crash()
    this.boot()
  }

  setLibvirt(state: 'up' | 'down' | 'frozen'): void {
    this.machine.setLibvirt(state)
    this.#agent?.life.after(0, () => {
      this.look()
      for (const { metadata } of this.disk.bindings()) this.#agent?.poke(metadata.name)
    })
  }

  /** A guest's end that nobody asked for. */
  guestEnds(uid: string, how: 'shutdown' | 'crashed'): void {
    this.machine.guestEnds(uid, how === 'shutdown' ? 'powers itself off' : 'crashes', how)
    this.#agent?.poke(uid)
  }

  #endAgent(): void {
    this.#agent?.end()
    // libvirt ends what a client has prepared when its connection is gone.
    for (const { uid, state } of this.machine.domains())
      if (state === 'incoming') this.machine.guestEnds(uid, 'is not awaited any more', 'destroyed')
    this.#agent = null
    for (const hear of [...this.#ended]) hear()
    this.#ended = new Set()
  }

  /**
   * What ends machines with failover when the lease is over: a process of its own, which lives as long as the host is up, whatever
   * becomes of the agent. A watchdog that it feeds resets the host when it hangs, or when that is what is asked for.
   */
  #fencer(): void {
    const { machine } = this
    const [evidence] = this.#options.evidence
    if (evidence === undefined) return
    const { kind, seconds, whole = false } = evidence
    const killAfter = kind === 'timeout' ? seconds - FENCER_MARGIN : whole ? Number.POSITIVE_INFINITY : seconds / 2
    const look = () => {
      const now = machine.clock.boottime()
      const stuck = this.#stuckSince !== null
      const ordered = this.#ordered()
      if (!stuck && now >= this.#leaseUntil + killAfter * 1000)
        for (const uid of ordered) machine.killByPidfd(uid, 'the lease is over')
      // It bites a little before the promise ends.
      const fedUntil = Math.min(this.#stuckSince ?? this.#leaseUntil, this.#leaseUntil)
      const bites = kind === 'watchdog' && now >= fedUntil + seconds * 1000 - FENCER_MS
      if (bites && (stuck || whole) && ordered.length > 0) {
        this.#options.say('is reset by its watchdog')
        return this.reboot()
      }
      machine.life.after(FENCER_MS, look)
    }
    machine.life.after(FENCER_MS, look)
  }

  /** The watchdog is fed for them whether they run or not; without a lease in this boot there are none. */
  #ordered(): readonly string[] {
    if (this.#leaseUntil === 0) return []
    return this.disk
      .bindings()
      .filter(({ metadata, spec }) => spec.failover === true || this.#claimed.has(metadata.name))
      .map(({ metadata }) => metadata.name)
  }
}
