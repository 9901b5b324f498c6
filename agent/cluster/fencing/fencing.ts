// The agent's side of self-fencing: it writes the orders before a machine may start, keeps a fencer at work, and tells the scheduler only
// what the fencer itself says that it goes by.
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../../lib/clock.ts'
import { messageOf } from '../../../lib/errors.ts'
import type { LeaseEvidence } from '../../../schemas/index.ts'
import type { Log } from '../../log.ts'
import type { BootClock } from '../boot-clock.ts'
import {
  type FencedMachine,
  ORDERS_FILE,
  type Orders,
  parseOrders,
  parseReport,
  REPORT_FILE,
  type Report,
} from './orders.ts'

export interface FencingConfig {
  readonly selfFencing: 'off' | 'timeout'
  readonly boundSeconds: number
  readonly watchdog: string | null
  /** Of the watchdog, after the last food. */
  readonly watchdogSeconds: number
}

export interface FencingDeps {
  readonly config: FencingConfig
  /** The agent's runtime folder, which is emptied at a reboot. */
  readonly folder: string
  readonly clock: Pick<Clock, 'sleep'>
  readonly bootClock: BootClock
  readonly log: Log
  /** Starts a fencer on the orders. Resolves when it was asked for. */
  readonly launch: (ordersPath: string) => Promise<void>
  /** Machines that may be failed over, whether they run or not. */
  readonly machines: () => readonly FencedMachine[]
  /** Hears of a machine that the fencer ended. */
  readonly onKilled: (uid: string) => void
}

/** A fencer that said nothing for so long is not at work. */
const FRESH_MS = 3_000
/** What was heard counts so long: a little longer than from one renewal to the next. */
const HEARD_MS = 8_000
/** New orders are taken within a second, also by a fencer that is only starting. */
const TAKE_MS = 3_000
const TAKE_STEP_MS = 100
/** The fencer looks four times a second, and the signal takes its time. */
const MARGIN_SECONDS = 2

export class Fencing {
  readonly #deps: FencingDeps
  readonly #path: string
  #orders: Orders = { revision: 0, leaseUntil: 0, killFrom: null, watchdog: null, machines: [] }
  #report: Report | null = null
  /** Boot clock, ms: when the report was read, and was fresh then. */
  #heardAt = Number.NEGATIVE_INFINITY
  #killedSeen = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor(deps: FencingDeps) {
    this.#deps = deps
    this.#path = join(deps.folder, ORDERS_FILE)
  }

  get enabled(): boolean {
    const { selfFencing, watchdog } = this.#deps.config
    return selfFencing === 'timeout' || watchdog !== null
  }

  /** Takes up what an earlier agent ordered: the lease that it had holds on. */
  async open(): Promise<void> {
    const known = parseOrders(await readText(this.#path))
    if (known !== null) this.#orders = known
    this.#killedSeen = this.#deps.bootClock()
  }

  /** Writes what is to be done by now, and sees to a fencer. Never rejects; what it could not do shows in {@link covers}. */
  update(lease: { readonly holds: boolean; readonly until: number }): Promise<void> {
    const mine = this.#last.then(() => this.#update(lease))
    this.#last = mine.catch((error: unknown) =>
      this.#deps.log.error({ err: error }, `self-fencing: ${messageOf(error)}`),
    )
    return this.#last.then(() => undefined)
  }

  /** The fencer at work goes by orders that have this machine, and that do not end it now. */
  covers(uid: string): boolean {
    const { leaseUntil, machines } = this.#orders
    return this.#isFresh() && this.#deps.bootClock() < leaseUntil && machines.some((machine) => machine.uid === uid)
  }

  /** What this host can show for the machines that it {@link covers}. */
  evidence(): readonly LeaseEvidence[] {
    const { selfFencing, boundSeconds, watchdog, watchdogSeconds } = this.#deps.config
    if (!this.#isFresh()) return []
    const timeout: LeaseEvidence = { kind: 'timeout', seconds: boundSeconds + MARGIN_SECONDS }
    const reset: LeaseEvidence = { kind: 'watchdog', seconds: watchdogSeconds + MARGIN_SECONDS }
    return [
      ...(selfFencing === 'timeout' ? [timeout] : []),
      ...(watchdog !== null && this.#report?.watchdogArmed === true ? [reset] : []),
    ]
  }

  /** In words, why what is asked for does not work; null when it does, or nothing is asked for. */
  problem(): string | null {
    if (!this.enabled || this.#orders.machines.length === 0) return null
    if (!this.#isFresh()) return 'the fencer, which ends machines when the lease runs out, is not at work'
    const words = this.#report?.watchdogProblem ?? ''
    return words === '' ? null : `the watchdog ${this.#deps.config.watchdog}: ${words}`
  }

  #isFresh(): boolean {
    return this.#deps.bootClock() - this.#heardAt < HEARD_MS && this.#report?.revision === this.#orders.revision
  }

  async #update({ holds, until }: { readonly holds: boolean; readonly until: number }): Promise<void> {
    const { config, bootClock, launch } = this.#deps
    if (!this.enabled) return
    const ordered = new Set(this.#orders.machines.map(({ uid }) => uid))
    // Without a lease nothing is added: it would be ended at once.
    const machines = this.#deps.machines().filter(({ uid }) => holds || ordered.has(uid))
    const leaseUntil = Math.max(this.#orders.leaseUntil, holds ? until : 0)
    const killFrom = config.selfFencing === 'timeout' ? leaseUntil + config.boundSeconds * 1000 : null
    const next = { leaseUntil, killFrom, watchdog: config.watchdog, machines }
    const { revision, ...known } = this.#orders
    if (!isDeepStrictEqual(known, next)) {
      const same = isDeepStrictEqual(known.machines, machines) && known.watchdog === next.watchdog
      // A longer lease alone is no new order to wait for.
      const orders: Orders = { ...next, revision: same ? revision : revision + 1 }
      await writeFile(`${this.#path}.new`, JSON.stringify(orders), { mode: 0o600 })
      await rename(`${this.#path}.new`, this.#path)
      this.#orders = orders
    }
    await this.#hear()
    if (machines.length === 0) return
    if (this.#report === null || bootClock() - this.#report.at >= FRESH_MS) await launch(this.#path)
    for (let waited = 0; !this.#isFresh() && waited < TAKE_MS; waited += TAKE_STEP_MS) {
      await this.#deps.clock.sleep(TAKE_STEP_MS)
      await this.#hear()
    }
  }

  async #hear(): Promise<void> {
    const now = this.#deps.bootClock()
    this.#report = parseReport(await readText(join(this.#deps.folder, REPORT_FILE)))
    if (this.#report !== null && now - this.#report.at < FRESH_MS) this.#heardAt = now
    for (const { uid, at } of this.#report?.killed ?? []) if (at > this.#killedSeen) this.#deps.onKilled(uid)
    this.#killedSeen = Math.max(this.#killedSeen, ...(this.#report?.killed ?? []).map(({ at }) => at))
  }
}

const readText = (path: string): Promise<string | null> => readFile(path, 'utf8').catch(() => null)
