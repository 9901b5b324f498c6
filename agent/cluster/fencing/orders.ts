// What the agent tells its fencer, and what the fencer says of itself: two small files, each put in place whole. They outlive both programs:
// a fencer goes on by the last orders when its agent is gone, and a new agent finds the fencer at work.

/** A machine that may be failed over. */
export interface FencedMachine {
  readonly uid: string
  /** Where libvirt writes the pid of its QEMU. */
  readonly pidFile: string
}

export interface Orders {
  /** Counts the orders, also from one agent to the next. */
  readonly revision: number
  /** Boot clock, ms: the lease holds until then. */
  readonly leaseUntil: number
  /** Boot clock, ms: from then on QEMUs of the machines are ended; null when that is off. */
  readonly killFrom: number | null
  /** Device of the kernel's watchdog; null when that is off. */
  readonly watchdog: string | null
  /** The watchdog is disarmed once these machines have ended, and nothing else is. Otherwise the host is reset all the same. */
  readonly spare: boolean
  readonly machines: readonly FencedMachine[]
}

export interface Report {
  readonly pid: number
  /** Boot clock, ms, at which this was written. */
  readonly at: number
  /** Of the orders that it goes by. */
  readonly revision: number
  /** The watchdog's device is open: it is fed, or resets the host soon. */
  readonly watchdogArmed: boolean
  /** Why the watchdog is not armed although it is asked for; empty when there is nothing to say. */
  readonly watchdogProblem: string
  /** Machines that it ended, and when (boot clock). The newest 100. */
  readonly killed: readonly { readonly uid: string; readonly at: number }[]
}

/** Null for what is not there, half written or of another form: the last good ones hold. */
export const parseOrders = (text: string | null): Orders | null => parsed(text, isOrders)
export const parseReport = (text: string | null): Report | null => parsed(text, isReport)

function parsed<T>(text: string | null, is: (value: Partial<T>) => boolean): T | null {
  if (text === null) return null
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && is(value) ? (value as T) : null
  } catch {
    return null
  }
}

const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value)

const isOrders = ({ revision, leaseUntil, killFrom, watchdog, spare, machines }: Partial<Orders>): boolean =>
  isNumber(revision) &&
  isNumber(leaseUntil) &&
  (killFrom === null || isNumber(killFrom)) &&
  (watchdog === null || typeof watchdog === 'string') &&
  typeof spare === 'boolean' &&
  Array.isArray(machines) &&
  machines.every(({ uid, pidFile }: Partial<FencedMachine>) => isUid(uid) && typeof pidFile === 'string')

const isUid = (value: unknown): boolean => typeof value === 'string' && /^[0-9a-f-]{36}$/.test(value)

const isReport = ({ pid, at, revision, watchdogArmed, watchdogProblem, killed }: Partial<Report>): boolean =>
  [pid, at, revision].every(isNumber) &&
  typeof watchdogArmed === 'boolean' &&
  typeof watchdogProblem === 'string' &&
  Array.isArray(killed)

/** Of the agent's runtime folder, which is emptied at a reboot, as is the boot clock. */
export const ORDERS_FILE = 'fence-orders.json'
export const REPORT_FILE = 'fence-report.json'
