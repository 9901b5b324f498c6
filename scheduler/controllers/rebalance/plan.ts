// Which machines are moved because another host suits them better. Pure. Broken rules are mended whatever the budget; load is taken off full
// hosts slowly, and no machine soon after it has moved.
import type { Move } from '../../../lib/placement/index.ts'
import type { EvictionKind } from '../evictions/evictions.ts'

export interface RebalanceFacts {
  readonly now: number
  readonly moves: readonly Move[]
  /** Load is taken off full hosts. */
  readonly enabled: boolean
  /** Moves for load in the last hour, and at most. */
  readonly lastHour: number
  readonly movesPerHour: number
  /** A machine rests so long after it came to its host. */
  readonly restMs: number
  /** Since when a machine's rules are broken where it is, `uid/node` -> ms: they may be mended again in a moment. */
  readonly brokenSince: ReadonlyMap<string, number>
  machine(uid: string): RebalanceMachine | null
}

export interface RebalanceMachine {
  /** It runs, and nothing else is asked of it. */
  readonly free: boolean
  /** ms since the epoch: when it came to its host. */
  readonly movedAt: number
  /** Milliseconds until a move may be tried again after one that failed. */
  retryIn(kind: EvictionKind): number
}

export interface RebalancePlan {
  readonly evict: readonly { readonly uid: string; readonly kind: EvictionKind; readonly message: string }[]
  readonly brokenSince: ReadonlyMap<string, number>
}

/** DVP: a change of placement rules settles for a minute. */
export const SETTLE_MS = 60_000

export function planRebalance(facts: RebalanceFacts): RebalancePlan {
  const { moves, now, enabled, brokenSince, restMs } = facts
  const broken = moves.filter(({ reason }) => reason === 'RuleBroken')
  const since = new Map(broken.map((move) => [keyOf(move), brokenSince.get(keyOf(move)) ?? now]))
  const may = ({ vm }: Move, kind: EvictionKind): boolean => {
    const machine = facts.machine(vm.uid)
    if (machine === null || !machine.free || machine.retryIn(kind) > 0) return false
    return kind === 'nodeplacement-update' || now - machine.movedAt >= restMs
  }
  const mends = broken.filter(
    (move) => now - (since.get(keyOf(move)) ?? now) >= SETTLE_MS && may(move, 'nodeplacement-update'),
  )
  const room = enabled ? Math.max(0, facts.movesPerHour - facts.lastHour) : 0
  const sheds = moves.filter((move) => move.reason === 'Overloaded' && may(move, 'rebalance')).slice(0, room)
  const evictions = (all: readonly Move[], kind: EvictionKind) =>
    all.map(({ vm, message }) => ({ uid: vm.uid, kind, message }))
  return { evict: [...evictions(mends, 'nodeplacement-update'), ...evictions(sheds, 'rebalance')], brokenSince: since }
}

const keyOf = ({ vm, from }: Move): string => `${vm.uid}/${from}`
