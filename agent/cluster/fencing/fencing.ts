// The agent's side of self-fencing: it writes the orders before a machine may start, keeps a fencer at work, and tells the scheduler only
// what the fencer itself says that it goes by.
//
// INVARIANT: what the scheduler may believe is so. An order is taken back, or made weaker, only after a renewal was answered that did not
// rest on it.
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
  /** `spare`: the watchdog is disarmed when the machines that may be failed over have ended. */
  readonly others: 'spare' | 'reset'
}

/** How machines are ended; all but the lease and who they are. */
interface Means {
  readonly watchdog: string | null
  /** After the end of the lease; null: never. */
  readonly killAfterMs: number | null
  readonly spare: boolean
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
  /** Called at once when orders are in place. */
  readonly onOrdered?: () => void
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
  readonly #means: Means
  #orders: Orders = { revision: 0, leaseUntil: 0, killFrom: null, watchdog: null, spare: true, machines: [] }
  /** What the scheduler may believe: uids of machines that a renewal has named since the last one that was answered, and those of that one. */
  #claimed: ReadonlySet<string> = new Set()
  #report: Report | null = null
  /** Boot clock, ms: when the report was read, and was fresh then. */
  #heardAt = Number.NEGATIVE_INFINITY
  #killedSeen = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor(deps: FencingDeps) {
    this.#deps = deps
    this.#path = join(deps.folder, ORDERS_FILE)
    this.#means = meansOf(deps.config)
  }

  get enabled(): boolean {
    const { selfFencing, watchdog } = this.#deps.config
    return selfFencing === 'timeout' || watchdog !== null
  }

  /** Takes up what an earlier agent ordered: the lease that it had holds on. */
  async open(): Promise<void> {
    const known = parseOrders(await readText(this.#path))
    if (known !== null) this.#orders = known
    this.#claimed = new Set(this.#orders.machines.map(({ uid }) => uid))
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

  /** A renewal that names these machines as fenced is about to be sent. */
  claim(uids: readonly string[]): void {
    this.#claimed = new Set([...this.#claimed, ...uids])
  }

  /** It was answered: only these may still be counted on by the scheduler. */
  claimed(uids: readonly string[]): void {
    this.#claimed = new Set(uids)
  }

  /** The scheduler may believe that this machine ends with the lease. */
  isClaimed(uid: string): boolean {
    return this.#claimed.has(uid)
  }

  /** The fencer at work goes by orders that have this machine, by the means of now, and that do not end it now. */
  covers(uid: string): boolean {
    const { leaseUntil, machines } = this.#orders
    return (
      this.#isFresh() &&
      isDeepStrictEqual(meansIn(this.#orders), this.#means) &&
      this.#deps.bootClock() < leaseUntil &&
      machines.some((machine) => machine.uid === uid)
    )
  }

  /** What this host can show for the machines that it {@link covers}; nothing when there are none. */
  evidence(): readonly LeaseEvidence[] {
    const { selfFencing, boundSeconds, watchdog, watchdogSeconds, others } = this.#deps.config
    if (!this.#deps.machines().some(({ uid }) => this.covers(uid))) return []
    const timeout: LeaseEvidence = { kind: 'timeout', seconds: boundSeconds + MARGIN_SECONDS }
    const reset: LeaseEvidence = {
      kind: 'watchdog',
      seconds: watchdogSeconds + MARGIN_SECONDS,
      ...(others === 'reset' ? { whole: true } : {}),
    }
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
    const { bootClock, launch } = this.#deps
    const before = this.#orders
    if (!this.enabled && before.machines.length === 0) return
    const ordered = new Set(before.machines.map(({ uid }) => uid))
    // Without a lease nothing is added: it would be ended at once.
    const wanted = (this.enabled ? this.#deps.machines() : []).filter(({ uid }) => holds || ordered.has(uid))
    const kept = before.machines.filter(({ uid }) => this.#claimed.has(uid) && !wanted.some((one) => one.uid === uid))
    const machines = [...wanted, ...kept]
    const leaseUntil = Math.max(before.leaseUntil, holds ? until : 0)
    const { watchdog, killAfterMs, spare } = this.#claimed.size > 0 ? meansIn(before) : this.#means
    const killFrom = killAfterMs === null ? null : leaseUntil + killAfterMs
    const next = { leaseUntil, killFrom, watchdog, spare, machines }
    const { revision, ...known } = before
    if (!isDeepStrictEqual(known, next)) {
      const same =
        isDeepStrictEqual(known.machines, machines) &&
        isDeepStrictEqual(meansIn(before), { watchdog, killAfterMs, spare })
      // A longer lease alone is no new order to wait for.
      const orders: Orders = { ...next, revision: same ? revision : revision + 1 }
      await writeFile(`${this.#path}.new`, JSON.stringify(orders), { mode: 0o600 })
      await rename(`${this.#path}.new`, this.#path)
      this.#deps.onOrdered?.()
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

const meansIn = ({ leaseUntil, killFrom, watchdog, spare }: Orders): Means => ({
  watchdog,
  // Both are sums with fractions of a millisecond.
  killAfterMs: killFrom === null ? null : Math.round(killFrom - leaseUntil),
  spare,
})

/** With a watchdog machines are ended in time for it to be disarmed before it bites. */
function meansOf({ selfFencing, boundSeconds, watchdog, watchdogSeconds, others }: FencingConfig): Means {
  const spare = others === 'spare'
  const bound = selfFencing === 'timeout' ? boundSeconds * 1000 : null
  if (watchdog === null || !spare) return { watchdog, killAfterMs: bound, spare }
  return { watchdog, killAfterMs: Math.min(boundSeconds * 1000, watchdogSeconds * 500), spare }
}
