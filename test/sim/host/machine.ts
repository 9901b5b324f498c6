// A host's machine: power, clocks, and its libvirt with the guests that run. Knows nothing of bindings.

import type { ShutoffReason } from '../../../agent/controllers/virtualmachine/power.ts'
import type { Durations } from '../durations.ts'
import { Life, MachineClock, type Timeline } from '../time.ts'

/** `incoming`: a target of a migration, whose guest does not run yet. */
export type DomainState = 'running' | 'paused' | 'incoming'

export interface Domain {
  readonly uid: string
  readonly name: string
  /** In its metadata. */
  readonly epoch: number
  readonly milliCores: number
  readonly memoryBytes: number
  /** The run of the guest since its cold start; goes with it to another host. */
  readonly run: number
  state: DomainState
}

/** What libvirt says when it cannot do it. */
export class LibvirtError extends Error {
  override readonly name = 'LibvirtError'
}

export interface MachineOptions {
  readonly name: string
  readonly timeline: Timeline
  readonly random: Durations
  /** Hears what happens to guests, for the log. */
  readonly say: (words: string) => void
  /** A number that no run of a guest had before. */
  readonly nextRun: () => number
}

const CALL_MS = { least: 2, most: 20 }
const SEND_LOOK_MS = 250
const START_MS = { least: 200, most: 600 }

export class Machine {
  readonly name: string
  readonly clock: MachineClock
  readonly #options: MachineOptions
  #boot = 1
  #powered = true
  #libvirt: 'up' | 'down' | 'frozen' = 'up'
  #storage = true
  /** Ended with the power. */
  #life: Life
  readonly #domains = new Map<string, Domain>()
  /** Definitions are on disk. */
  readonly #defined = new Map<string, { readonly epoch: number }>()
  readonly #ends = new Map<string, ShutoffReason>()
  readonly #sending = new Set<string>()

  constructor(options: MachineOptions) {
    this.name = options.name
    this.#options = options
    this.clock = new MachineClock(options.timeline)
    this.#life = new Life(options.timeline, this.clock)
  }

  get powered(): boolean {
    return this.#powered
  }

  get bootId(): string {
    return `${this.name}-boot-${this.#boot}`
  }

  /** Of the machine's kernel: ends with the power. */
  get life(): Life {
    return this.#life
  }

  get libvirtAnswers(): boolean {
    return this.#powered && this.#libvirt === 'up'
  }

  get storage(): boolean {
    return this.#storage
  }

  domains(): readonly Domain[] {
    return [...this.#domains.values()]
  }

  domain(uid: string): Domain | null {
    return this.#domains.get(uid) ?? null
  }

  isDefined(uid: string): boolean {
    return this.#defined.has(uid)
  }

  // What an agent asks of libvirt. Each takes its time; it is done when the promise resolves, and may be done when it rejects.

  start(domain: Omit<Domain, 'run' | 'state'>, caller: Life): Promise<void> {
    return this.#call(caller, START_MS, () => {
      if (!this.#storage) throw new LibvirtError('the storage does not answer')
      if (this.#domains.has(domain.uid)) throw new LibvirtError('the domain is active already')
      const run = this.#options.nextRun()
      this.#defined.set(domain.uid, { epoch: domain.epoch })
      this.#ends.delete(domain.uid)
      this.#domains.set(domain.uid, { ...domain, run, state: 'running' })
      this.#options.say(`${domain.name} starts (epoch ${domain.epoch})`)
    })
  }

  /** Forced off. Absent: nothing to do. */
  destroy(uid: string, caller: Life): Promise<void> {
    return this.#call(caller, CALL_MS, () => this.#end(uid, 'is ended', 'destroyed'))
  }

  undefine(uid: string, caller: Life): Promise<void> {
    return this.#call(caller, CALL_MS, () => {
      this.#defined.delete(uid)
    })
  }

  /** Makes room for a guest that comes from elsewhere. */
  prepare(domain: Omit<Domain, 'run' | 'state'>, run: number, caller: Life): Promise<void> {
    return this.#call(caller, START_MS, () => {
      if (!this.#storage) throw new LibvirtError('the storage does not answer')
      // Heard by a libvirt that hung, from a client that is gone by now: it ends what it prepares for that one.
      if (caller.alive) this.#domains.set(domain.uid, { ...domain, run, state: 'incoming' })
    })
  }

  setState(uid: string, state: DomainState, words: string, caller: Life): Promise<void> {
    return this.#call(caller, CALL_MS, () => {
      const domain = this.#domains.get(uid)
      if (domain === undefined) throw new LibvirtError('there is no such domain')
      if (state === 'running') this.#defined.set(uid, { epoch: domain.epoch })
      if (domain.state !== state) this.#options.say(`${domain.name} ${words}`)
      domain.state = state
    })
  }

  /**
   * Sends a guest's memory elsewhere, as libvirt does by itself once it was told: when all of it is sent the guest is paused. While
   * `may` says no, or libvirt ends, the guest runs on. @returns whether all was sent
   */
  send(uid: string, ms: number, may: () => boolean, caller: Life): Promise<boolean> {
    const ends = this.clock.boottime() + ms
    this.#sending.add(uid)
    return new Promise((resolve) => {
      const look = () => {
        const domain = this.#domains.get(uid)
        const goesOn = domain !== undefined && this.#sending.has(uid) && this.#libvirt !== 'down' && may()
        if (goesOn && this.clock.boottime() < ends) return void this.#life.after(SEND_LOOK_MS, look)
        this.#sending.delete(uid)
        if (goesOn) {
          domain.state = 'paused'
          this.#options.say(`${domain.name} is paused: all of it is sent`)
        }
        caller.whenAwake(() => resolve(goesOn))
      }
      this.#life.after(SEND_LOOK_MS, look)
    })
  }

  sends(uid: string): boolean {
    return this.#sending.has(uid)
  }

  abortSend(uid: string): void {
    this.#sending.delete(uid)
  }

  /** Without libvirt: the agent's last means against its own guests. */
  killByPidfd(uid: string, why: string): void {
    this.#end(uid, `is killed: ${why}`, 'crashed')
  }

  // What happens to it.

  guestEnds(uid: string, how: string, reason: ShutoffReason): void {
    this.#end(uid, how, reason)
  }

  /** As libvirt remembers the end of a run; `unknown` when it does not. */
  endOf(uid: string): ShutoffReason {
    return this.#ends.get(uid) ?? 'unknown'
  }

  /** Power is cut. What ran is gone. */
  off(): void {
    if (!this.#powered) return
    this.#powered = false
    this.#domains.clear()
    this.#ends.clear()
    this.#sending.clear()
    this.#life.end()
  }

  on(): void {
    if (this.#powered) return
    this.#powered = true
    this.#boot += 1
    this.#libvirt = 'up'
    this.clock.reboot()
    this.#life = new Life(this.#options.timeline, this.clock)
  }

  setLibvirt(state: 'up' | 'down' | 'frozen'): void {
    this.#libvirt = state
  }

  setStorage(up: boolean): void {
    this.#storage = up
  }

  #end(uid: string, how: string, reason: ShutoffReason): void {
    const domain = this.#domains.get(uid)
    if (domain === undefined) return
    this.#domains.delete(uid)
    this.#ends.set(uid, reason)
    this.#options.say(`${domain.name} ${how}`)
  }

  #call(caller: Life, { least, most }: { readonly least: number; readonly most: number }, work: () => void) {
    return new Promise<void>((resolve, reject) => {
      const answer = () => {
        if (!this.#powered) return
        if (this.#libvirt === 'down') return reject(new LibvirtError('libvirt does not answer'))
        if (this.#libvirt === 'frozen') return void this.#life.after(1000, answer)
        try {
          work()
        } catch (error) {
          return caller.whenAwake(() => reject(error))
        }
        caller.whenAwake(resolve)
      }
      this.#life.after(this.#options.random.between(least, most), answer)
    })
  }
}
