// What to do next about the drain of one node. Pure.
import type { VirtualMachineOperation } from '../../../schemas/index.ts'
import { retryIn, wordsOf } from '../evictions/evictions.ts'
import { hasEnded } from '../virtualmachineoperation/plan.ts'
import type { DrainCondition } from './conditions.ts'

/** Annotation of a Node; its only value is {@link REQUESTED}. */
export const DRAIN = 'berth/drain'
export const REQUESTED = 'requested'

/** A machine that has its place on the node. */
export interface DrainMachine {
  /** `namespace/name`. */
  readonly title: string
  readonly uid: string
  readonly priority: number
  /** Has a QEMU there, or is about to. */
  readonly on: boolean
  /** A move away is under way. */
  readonly moving: boolean
  /** It has come so far that its memory is sent, or further. */
  readonly sending: boolean
  /** Made for this drain, the newest last. */
  readonly evictions: readonly VirtualMachineOperation[]
  /** Another operation that is not ended. */
  readonly busy: boolean
}

export interface DrainFacts {
  readonly now: number
  readonly requested: boolean
  readonly cordoned: boolean
  readonly machines: readonly DrainMachine[]
  /** Operations that are kept open at once. */
  readonly parallel: number
  /** What would help a machine that cannot go, in words; null: nothing is known. */
  helpFor(uid: string): string | null
}

export interface DrainPlan {
  /** Uids of machines to evict now. */
  readonly evict: readonly string[]
  /** Operations that are not wanted any more, of machines whose memory is not being sent yet. */
  readonly callOff: readonly VirtualMachineOperation[]
  /** Null: there is none. */
  readonly condition: DrainCondition | null
  /** The request is over: it goes from the node. */
  readonly forget: boolean
  readonly againMs: number | null
}

const LOOK_MS = 5_000
/** Machines that a message names. */
const NAMED = 10
const NOTHING: DrainPlan = { evict: [], callOff: [], condition: null, forget: false, againMs: null }

export function planDrain(facts: DrainFacts): DrainPlan {
  const { machines, requested, cordoned } = facts
  const pending = machines.flatMap(({ evictions, sending }) =>
    sending ? [] : evictions.filter((one) => !hasEnded(one) && one.metadata.deletionTimestamp === undefined),
  )
  // Uncordoned: that ends it, whoever did it.
  if (!requested || !cordoned) return { ...NOTHING, callOff: pending, forget: requested }
  const left = machines.filter(({ on }) => on).sort(byImportance)
  if (left.length === 0) return { ...NOTHING, condition: drained(machines) }
  const under = left.filter(isUnderWay)
  const free = left.filter((one) => !isUnderWay(one) && !one.busy)
  const due = free.filter(({ evictions }) => retryIn(evictions, facts.now) === 0)
  const evict = due.slice(0, Math.max(0, facts.parallel - under.length)).map(({ uid }) => uid)
  return { ...NOTHING, evict, condition: going(facts, left, under), againMs: LOOK_MS }
}

/** The more important first: while there is room, it is theirs. */
const byImportance = (a: DrainMachine, b: DrainMachine): number =>
  b.priority - a.priority || (a.title < b.title ? -1 : 1)

const isUnderWay = ({ moving, evictions }: DrainMachine): boolean => moving || evictions.some((one) => !hasEnded(one))

function going(facts: DrainFacts, left: readonly DrainMachine[], under: readonly DrainMachine[]): DrainCondition {
  // One whose last try failed, or whose present one finds no place, is stuck.
  const stuck = left.filter(({ moving, evictions }) => !moving && isStuck(evictions.at(-1)))
  const count = `${left.length} ${left.length === 1 ? 'machine' : 'machines'} left`
  const words = stuck.slice(0, NAMED).map(({ title, uid, evictions }) => {
    const help = facts.helpFor(uid)
    return `${title}: ${wordsOf(evictions.at(-1)) ?? 'it could not be moved'}${help === null ? '' : ` (${help})`}`
  })
  const more = stuck.length > NAMED ? [`${stuck.length - NAMED} more`] : []
  const cannot = stuck.length === 0 ? '' : `; cannot be moved now: ${[...words, ...more].join('; ')}`
  const base = { type: 'Draining', status: 'True' } as const
  return stuck.length === left.length
    ? { ...base, reason: 'EvacuationStuck', message: `${count}${cannot}` }
    : {
        ...base,
        reason: 'EvacuationInProgress',
        message: `${count}, ${under.length - stuck.filter(isUnderWay).length} under way${cannot}`,
      }
}

function isStuck(last: VirtualMachineOperation | undefined): boolean {
  if (last === undefined) return false
  if (hasEnded(last)) return last.status?.phase === 'Failed'
  const said = last.status?.conditions?.find(({ type }) => type === 'Completed')
  return said?.reason === 'TargetUnschedulable' || said?.reason === 'WaitingForVirtualMachineToBeReadyToMigrate'
}

function drained(machines: readonly DrainMachine[]): DrainCondition {
  const titles = machines.map(({ title }) => title).sort()
  const named = [...titles.slice(0, NAMED), ...(titles.length > NAMED ? [`${titles.length - NAMED} more`] : [])]
  const rest =
    titles.length === 0 ? 'no machine is left' : `no machine runs; stopped, with disks here: ${named.join(', ')}`
  return { type: 'Draining', status: 'False', reason: 'Drained', message: rest }
}
