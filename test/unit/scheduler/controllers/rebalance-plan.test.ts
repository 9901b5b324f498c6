import { describe, expect, it } from 'vitest'
import { type Move, vmFacts } from '../../../../lib/placement/index.ts'
import {
  planRebalance,
  type RebalanceFacts,
  type RebalanceMachine,
} from '../../../../scheduler/controllers/rebalance/plan.ts'

const NOW = 10_000_000
const move = (name: string, reason: Move['reason'], from = 'h1'): Move => ({
  vm: vmFacts({ uid: name, name }),
  from,
  to: 'h2',
  reason,
  message: 'because',
})
const rested: RebalanceMachine = { free: true, movedAt: 0, retryIn: () => 0 }
const plan = (moves: readonly Move[], more: Partial<RebalanceFacts> = {}) =>
  planRebalance({
    now: NOW,
    moves,
    enabled: true,
    lastHour: 0,
    movesPerHour: 2,
    restMs: 3_600_000,
    brokenSince: new Map(),
    machine: () => rested,
    ...more,
  })
const evicted = (...args: Parameters<typeof plan>) => plan(...args).evict.map(({ uid, kind }) => `${kind} ${uid}`)

describe('a machine whose rules its host breaks', () => {
  const broken = move('web', 'RuleBroken')
  it('waits a minute, as rules may be mended again', () => {
    const first = plan([broken])
    expect(first.evict).toEqual([])
    expect([...first.brokenSince]).toEqual([['web/h1', NOW]])
    expect(evicted([broken], { now: NOW + 59_999, brokenSince: first.brokenSince })).toEqual([])
    expect(evicted([broken], { now: NOW + 60_000, brokenSince: first.brokenSince })).toEqual([
      'nodeplacement-update web',
    ])
  })
  it('counts anew when they were mended meanwhile, or on another host', () => {
    expect([...plan([], { brokenSince: new Map([['web/h1', 0]]) }).brokenSince]).toEqual([])
    expect([...plan([move('web', 'RuleBroken', 'h3')], { brokenSince: new Map([['web/h1', 0]]) }).brokenSince]).toEqual(
      [['web/h3', NOW]],
    )
  })
  it.each<[string, Partial<RebalanceFacts>, readonly string[]]>([
    ['goes although rebalancing is off', { enabled: false }, ['nodeplacement-update web']],
    [
      'goes although it came a moment ago',
      { machine: () => ({ ...rested, movedAt: NOW }) },
      ['nodeplacement-update web'],
    ],
    ['stays while something else is asked of it', { machine: () => ({ ...rested, free: false }) }, []],
    ['stays while a failed move rests', { machine: () => ({ ...rested, retryIn: () => 1 }) }, []],
    ['is not there any more', { machine: () => null }, []],
  ])('%s', (_, more, expected) => {
    expect(evicted([broken], { brokenSince: new Map([['web/h1', 0]]), ...more })).toEqual(expected)
  })
})

describe('a machine of a host that is too full', () => {
  const full = ['a', 'b', 'c'].map((name) => move(name, 'Overloaded'))
  it.each<[string, Partial<RebalanceFacts>, readonly string[]]>([
    ['so many in an hour', {}, ['rebalance a', 'rebalance b']],
    ['those of the last hour count', { lastHour: 1 }, ['rebalance a']],
    ['no more than that', { lastHour: 5 }, []],
    ['none when it is off', { enabled: false }, []],
    [
      'none that came a moment ago',
      { machine: (uid) => ({ ...rested, movedAt: uid === 'a' ? NOW - 1 : 0 }) },
      ['rebalance b', 'rebalance c'],
    ],
  ])('%s', (_, more, expected) => {
    expect(evicted(full, more)).toEqual(expected)
  })
})
