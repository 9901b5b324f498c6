// The fencer: a small process beside the agent that ends machines which may be failed over when the host's lease ran out. It needs neither
// the agent (which may hang or be gone) nor libvirt: it goes by the last orders, the host's boot clock, and the processes that there are.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock } from '../../../lib/clock.ts'
import type { BootClock } from '../boot-clock.ts'
import { type Orders, parseOrders, REPORT_FILE, type Report } from './orders.ts'
import { findQemu, killQemu, type Qemu } from './processes.ts'
import { Watchdog } from './watchdog.ts'

/** How often it looks. What it ends, it ends so much late at most. */
export const LOOK_MS = 250
const REPORT_EVERY_MS = 1_000
/** With nothing to watch over it ends; the agent starts another when there is something. */
const IDLE_MS = 30_000
const MAX_KILLED = 100

export interface FencerDeps {
  readonly ordersPath: string
  readonly clock: Pick<Clock, 'sleep'>
  readonly bootClock: BootClock
  readonly find?: typeof findQemu
  readonly kill?: (qemu: Qemu) => boolean
  /** Lines for people. */
  readonly say: (line: string) => void
}

export class Fencer {
  readonly #deps: FencerDeps
  #orders: Orders | null = null
  #watchdog: Watchdog | null = null
  #killed: Report['killed'] = []
  #reportedAt = Number.NEGATIVE_INFINITY
  #reported = -1
  #idleSince: number | null = null

  constructor(deps: FencerDeps) {
    this.#deps = deps
  }

  /** Ends when there is nothing to watch over, or the signal aborts (the watchdog is disarmed then). */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted && this.look()) await this.#deps.clock.sleep(LOOK_MS, signal).catch(() => undefined)
    } finally {
      this.#watchdog?.disarm()
    }
  }

  /** One look. False when it is not needed any more. */
  look(): boolean {
    const { bootClock, ordersPath } = this.#deps
    const now = bootClock()
    this.#orders = parseOrders(readText(ordersPath)) ?? this.#orders
    const orders = this.#orders
    if (orders === null || orders.machines.length === 0) return this.#idle(now)
    this.#idleSince = null
    if (orders.killFrom !== null && now >= orders.killFrom) this.#end(orders, now)
    this.#watch(orders, now)
    this.#report(now)
    return true
  }

  #end({ machines }: Orders, now: number): void {
    const { find = findQemu, kill = killQemu, say } = this.#deps
    for (const machine of machines) {
      const qemu = find(machine)
      if (qemu === null || !kill(qemu)) continue
      this.#killed = [...this.#killed, { uid: machine.uid, at: now }].slice(-MAX_KILLED)
      this.#reportedAt = Number.NEGATIVE_INFINITY
      say(`ended ${machine.uid} (pid ${qemu.pid}): the lease of this host ran out`)
    }
  }

  #watch(orders: Orders, now: number): void {
    if (orders.watchdog !== (this.#watchdog?.path ?? null)) {
      this.#watchdog?.disarm()
      this.#watchdog = orders.watchdog === null ? null : new Watchdog(orders.watchdog)
    }
    const watchdog = this.#watchdog
    if (watchdog === null) return
    if (now < orders.leaseUntil) {
      watchdog.feed()
      return
    }
    // Not fed any more: the host is reset, unless everything was ended that it would be reset for.
    const { find = findQemu } = this.#deps
    const ended = orders.spare && orders.killFrom !== null && now >= orders.killFrom
    if (ended && orders.machines.every((machine) => find(machine) === null)) watchdog.disarm()
  }

  #idle(now: number): boolean {
    this.#watchdog?.disarm()
    this.#report(now)
    this.#idleSince ??= now
    return now - this.#idleSince < IDLE_MS
  }

  #report(now: number): void {
    const revision = this.#orders?.revision ?? 0
    if (now - this.#reportedAt < REPORT_EVERY_MS && revision === this.#reported) return
    this.#reported = revision
    this.#reportedAt = now
    const report: Report = {
      pid: process.pid,
      at: now,
      revision,
      watchdogArmed: this.#watchdog?.armed ?? false,
      watchdogProblem: this.#watchdog?.problem ?? '',
      killed: this.#killed,
    }
    const path = join(dirname(this.#deps.ordersPath), REPORT_FILE)
    try {
      writeFileSync(`${path}.new`, JSON.stringify(report), { mode: 0o600 })
      renameSync(`${path}.new`, path)
    } catch (error) {
      // A full file system must not keep it from what it is for.
      this.#deps.say(`its report could not be written: ${String(error)}`)
    }
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
