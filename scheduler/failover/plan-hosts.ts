// Which hosts are lost, and what is evidence that they are dead. Pure. Times are monotonic milliseconds of the scheduler's process.
import type { LeaseEvidence } from '../../schemas/cluster/leaserenewal.ts'
import type { HostDeadCondition } from './conditions.ts'
import type { Death } from './death.ts'

export interface FailoverLimits {
  /** What one renewal gives. */
  readonly leaseMs: number
  /** After the end of a lease, before anything is done: others that were lost by the same cause are seen by then. */
  readonly graceMs: number
  /** A fencing command has so long. */
  readonly fencingMs: number
  /** After a fencing that failed. */
  readonly retryMs: number
  /** Added to what hosts promise of watchdogs and timeouts. */
  readonly marginMs: number
  /** Whether `timeout` counts as evidence. */
  readonly timeoutCounts: boolean
  /** A host on which machines run that are not for failover is powered off only when somebody asks for it. */
  readonly spareOthers: boolean
}

/** The fencing of one host, as far as this process knows. */
export type Fencing =
  | { readonly state: 'none' }
  | { readonly state: 'running'; readonly since: number }
  | { readonly state: 'failed'; readonly at: number; readonly message: string }
  | { readonly state: 'done'; readonly since: number; readonly message: string }

export interface HostFacts {
  readonly name: string
  /** Null: not since {@link since}. */
  readonly heardAt: number | null
  /** Since when it could be heard: since this process takes renewals, or since the host joined. */
  readonly since: number
  /** What it said in its last renewal that it can show. */
  readonly evidence: readonly LeaseEvidence[]
  readonly death: Death | null
  /** Milliseconds of the wall clock since it is known dead; null: it is not. */
  readonly deadForMs: number | null
  readonly fencing: Fencing
  /** A command is configured for it. */
  readonly canFence: boolean
  /** Machines that may be failed over have their place there. */
  readonly hasCandidates: boolean
  /** Names of others that run there, as far as it was last heard. */
  readonly others: readonly string[]
  /** Somebody asked that it be powered off when it is not heard. */
  readonly asked: boolean
}

export interface HostsFacts {
  readonly now: number
  /** Since when renewals are taken. */
  readonly since: number
  readonly hosts: readonly HostFacts[]
  readonly limits: FailoverLimits
}

type Proof = Pick<Death, 'evidence' | 'message' | 'whole'>

export interface HostVerdict {
  readonly name: string
  readonly fence: boolean
  /** `back`: it is heard again. */
  readonly death: Proof | 'back' | null
  /** Null: it is heard. */
  readonly condition: HostDeadCondition | null
}

export interface HostsPlan {
  /** None of a host of which nothing new can be said. */
  readonly verdicts: readonly HostVerdict[]
  /** In words, why nothing is failed over; null: it is. */
  readonly frozen: string | null
  /** Milliseconds until something may be due. */
  readonly againMs: number
}

/** Hosts that died this short a time ago count as lost at once with those that are lost now. */
const AT_ONCE_MS = 600_000
const WATCH_MS = 1_000
const REST_MS = 5_000

export function planHosts(facts: HostsFacts): HostsPlan {
  const { hosts, limits, now, since } = facts
  const silent = (host: HostFacts) => now - (host.heardAt ?? Math.max(since, host.since))
  const isLost = (host: HostFacts) => host.death === null && silent(host) > limits.leaseMs
  const lost = hosts.filter(isLost)
  const justDied = hosts.filter(({ deadForMs }) => deadForMs !== null && deadForMs < AT_ONCE_MS)
  const total = hosts.filter(({ death }) => death === null).length + justDied.length
  const gone = lost.length + justDied.length
  const frozen =
    lost.length > 0 && 2 * gone > total
      ? `${gone} of ${total} hosts were lost at once: more likely this scheduler is cut off than they are dead. Nothing is failed over until half of them are heard`
      : null
  // Who has just begun to listen has not heard anybody yet, and an earlier scheduler may have given leases until then.
  const settlesIn = since + limits.leaseMs + limits.fencingMs - now
  const early =
    settlesIn > 0
      ? 'the scheduler has begun to listen a moment ago, and waits until leases and fencings of an earlier one are over'
      : null
  // Of a host that was not heard yet, and may still be in time, nothing new can be said.
  const known = hosts.filter((host) => host.heardAt !== null || host.death !== null || isLost(host))
  const verdicts = known.map((host) =>
    isLost(host)
      ? judgeLost(host, silent(host), { ...facts, hold: frozen ?? early, isFrozen: frozen !== null })
      : judgeOther(host, silent(host), limits),
  )
  return {
    verdicts,
    frozen,
    againMs: lost.length > 0 || hosts.some(({ death }) => death !== null) ? WATCH_MS : REST_MS,
  }
}

function judgeOther(host: HostFacts, silentMs: number, { leaseMs }: FailoverLimits): HostVerdict {
  const { name, death, heardAt } = host
  const quiet: HostVerdict = { name, fence: false, death: null, condition: null }
  if (death === null) return quiet
  if (heardAt !== null && silentMs <= leaseMs) return { ...quiet, death: 'back' }
  return { ...quiet, condition: dead(death) }
}

interface LostFacts extends HostsFacts {
  readonly hold: string | null
  readonly isFrozen: boolean
}

function judgeLost(host: HostFacts, silentMs: number, facts: LostFacts): HostVerdict {
  const { name, fencing, canFence, hasCandidates, others, asked } = host
  const { limits, hold, isFrozen } = facts
  const over = silentMs - limits.leaseMs
  const silence = 'its lease ran out'
  const say = (reason: HostDeadCondition['reason'], message: string): HostVerdict => ({
    name,
    fence: false,
    death: null,
    condition: { type: 'HostDead', status: 'Unknown', reason, message } as HostDeadCondition,
  })
  const found = shown(host, over, limits)
  const proof = found ?? (fencing.state === 'done' ? ({ evidence: 'fenced', message: fencing.message } as const) : null)
  if (proof !== null && hold === null) return { name, fence: false, death: proof, condition: dead(proof) }
  if (isFrozen) return say('FailoverFrozen', `${silence}; ${hold}`)
  if (hold !== null || over < limits.graceMs)
    return say('Silent', `${silence}; ${hold ?? 'it may come back in a moment'}`)
  if (!hasCandidates && !asked)
    return say('Silent', `${silence}; no machine that may be failed over is there, so nothing is done to it`)
  if (fencing.state === 'running') return say('FencingInProgress', `${silence}; it is being fenced`)
  const spared = limits.spareOthers && !asked ? others : []
  if (canFence && spared.length === 0) return fencedNow(host, facts, say)
  const coming = soonest(host, limits)
  if (coming !== null) return say('Silent', `${silence}; waits until its ${coming.kind} has run out`)
  return canFence
    ? say(
        'OthersRunThere',
        `${silence}; it is not powered off, as machines run there that are not for failover: ${listed(spared)}; to power it off all the same: kubectl annotate node ${name} berth/fence=requested`,
      )
    : say(
        'NoEvidence',
        `${silence}; no fencing command is configured for it, and it has no watchdog: its machines wait until it is back`,
      )
}

function fencedNow(
  { fencing }: HostFacts,
  { limits, now }: LostFacts,
  say: (reason: HostDeadCondition['reason'], message: string) => HostVerdict,
): HostVerdict {
  if (fencing.state !== 'failed')
    return { ...say('FencingInProgress', 'its lease ran out; it is being fenced'), fence: true }
  const verdict = say(
    'FencingFailed',
    `its lease ran out; fencing failed and is tried again every ${seconds(limits.retryMs)}: ${fencing.message}`,
  )
  return { ...verdict, fence: now - fencing.at >= limits.retryMs }
}

const usable = ({ evidence }: HostFacts, { timeoutCounts }: FailoverLimits): readonly LeaseEvidence[] =>
  evidence.filter(({ kind }) => kind === 'watchdog' || timeoutCounts)

const dueMs = ({ seconds: after }: LeaseEvidence, { marginMs }: FailoverLimits): number => after * 1000 + marginMs

/** What the host itself promised, and is over. The stronger first. */
function shown(host: HostFacts, over: number, limits: FailoverLimits): Proof | null {
  const over_ = usable(host, limits).filter((one) => over >= dueMs(one, limits))
  const [first] = [...over_].sort((a) => (a.kind === 'watchdog' ? -1 : 1))
  if (first === undefined) return null
  const by = `${first.seconds} s after the end of its lease at the latest`
  if (first.kind === 'timeout')
    return { evidence: 'timeout', message: `its agent has ended machines that may be failed over, ${by}` }
  return first.whole === true
    ? { evidence: 'watchdog', message: `its watchdog has reset the host, ${by}`, whole: true }
    : {
        evidence: 'watchdog',
        message: `machines that may be failed over were ended, or its watchdog has reset the host, ${by}`,
      }
}

const soonest = (host: HostFacts, limits: FailoverLimits): LeaseEvidence | null =>
  [...usable(host, limits)].sort((a, b) => a.seconds - b.seconds)[0] ?? null

const REASONS = { fenced: 'Fenced', watchdog: 'WatchdogExpired', timeout: 'TimeoutExpired' } as const

const dead = ({ evidence, message }: Proof): HostDeadCondition => ({
  type: 'HostDead',
  status: 'True',
  reason: REASONS[evidence],
  message,
})

const SHOWN = 5
const listed = (names: readonly string[]): string =>
  names.length > SHOWN ? `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} more` : names.join(', ')

const seconds = (ms: number): string => `${Math.max(0, Math.round(ms / 1000))} s`
