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
const WATCHDOG_LOOK_MS = 500

export class SimHost implements Party {
  readonly machine: Machine
  readonly disk = new AgentDisk()
  readonly #options: HostOptions
  #agent: SimAgent | null = null
  #ended = new Set<() => void>()
  /** Virtual ms at which the watchdog resets the host; null while it is not armed. */
  #bites: number | null = null

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
    this.#agent = new SimAgent({ machine, disk, capacity, timeline, random, evidence, renew, peer, say, onFault })
    this.look()
    this.#agent.start()
    this.#watchdog(this.#agent)
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

  /** The power is cut; it stays off. */
  crash(): void {
    this.machine.off()
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

  /** The kernel's watchdog: fed by the agent while the lease holds, as soon as there is a machine with failover. */
  #watchdog(agent: SimAgent): void {
    const kind = this.#options.evidence.find((one) => one.kind === 'watchdog')
    if (kind === undefined) return
    const { machine, disk } = this
    const kernel = machine.life
    const armed = () => disk.bindings().some(({ spec }) => spec.failover === true && spec.role !== 'Released')
    const feed = async () => {
      while (agent.life.alive) {
        const now = machine.clock.boottime()
        if (!armed()) this.#bites = null
        else if (agent.lease.valid) this.#bites = now + kind.seconds * 1000
        else this.#bites ??= now + kind.seconds * 1000
        await agent.life.sleep(WATCHDOG_LOOK_MS)
      }
    }
    void feed()
    const look = () => {
      if (agent.life.alive === false && this.#agent !== null) return
      if (this.#bites !== null && machine.clock.boottime() >= this.#bites) {
        this.#bites = null
        this.#options.say('is reset by its watchdog')
        this.reboot()
      } else kernel.after(WATCHDOG_LOOK_MS, look)
    }
    kernel.after(WATCHDOG_LOOK_MS, look)
  }
}
