import { describe, expect, it } from 'vitest'
import { type DrainFacts, type DrainMachine, planDrain } from '../../../../scheduler/controllers/drain/plan.ts'
import { evictionsFor, retryIn } from '../../../../scheduler/controllers/evictions/evictions.ts'
import { move, NOW } from './move-support.ts'

const machine = (title: string, more: Partial<DrainMachine> = {}): DrainMachine => ({
  title,
  uid: title,
  priority: 0,
  on: true,
  moving: false,
  sending: false,
  evictions: [],
  busy: false,
  ...more,
})
const facts = (machines: readonly DrainMachine[], more: Partial<DrainFacts> = {}): DrainFacts => ({
  now: NOW,
  requested: true,
  cordoned: true,
  machines,
  parallel: 2,
  helpFor: () => null,
  ...more,
})
const eviction = (phase: string, reason = 'x', message = '', endedAt?: string) =>
  move(
    'evacuation-web-abcde',
    { type: 'Evict' },
    {
      status: {
        phase,
        conditions: [{ type: 'Completed', status: 'False', reason, message, lastTransitionTime: '' }],
        ...(endedAt === undefined ? {} : { berth: { endedAt } }),
      },
    },
  )
const failed = (endedAt: string, message = '0/2 nodes: 2 cordoned') =>
  eviction('Failed', 'TargetUnschedulable', message, endedAt)
const open = eviction('InProgress', 'Syncing')

describe('a drain', () => {
  it('moves the more important machines first, so many at once', () => {
    const plan = planDrain(facts([machine('b'), machine('a'), machine('vip', { priority: 9 })]))
    expect(plan.evict).toEqual(['vip', 'a'])
    expect(plan.condition).toMatchObject({
      status: 'True',
      reason: 'EvacuationInProgress',
      message: '3 machines left, 0 under way',
    })
  })
  it('goes on when one has gone', () => {
    const machines = [machine('a', { moving: true }), machine('b', { evictions: [open] }), machine('c'), machine('d')]
    expect(planDrain(facts(machines)).evict).toEqual([])
    expect(planDrain(facts(machines.slice(1))).evict).toEqual(['c'])
    expect(planDrain(facts(machines)).condition?.message).toBe('4 machines left, 2 under way')
  })
  it('leaves machines alone that somebody else is at, and those that do not run', () => {
    const plan = planDrain(facts([machine('a', { busy: true }), machine('b', { on: false }), machine('c')]))
    expect(plan.evict).toEqual(['c'])
  })
  it('tries a machine again that could not go, later each time, and says why and what would help', () => {
    const stuck = machine('default/web', { evictions: [failed('2026-01-01T00:09:45Z')] })
    const plan = planDrain(facts([stuck], { helpFor: () => 'what would help: uncordon a host' }))
    expect(plan).toMatchObject({
      evict: [],
      againMs: 5_000,
      condition: {
        reason: 'EvacuationStuck',
        message:
          '1 machine left; cannot be moved now: default/web: 0/2 nodes: 2 cordoned (what would help: uncordon a host)',
      },
    })
    expect(planDrain(facts([stuck], { now: NOW + 15_000 })).evict).toEqual(['default/web'])
  })
  it('is in progress while one of the machines still goes', () => {
    const machines = [
      machine('a', { evictions: [failed('2026-01-01T00:09:59Z')] }),
      machine('b', { evictions: [open] }),
    ]
    expect(planDrain(facts(machines)).condition).toMatchObject({
      reason: 'EvacuationInProgress',
      message: '2 machines left, 1 under way; cannot be moved now: a: 0/2 nodes: 2 cordoned',
    })
  })
  it('names ten of many', () => {
    const machines = Array.from({ length: 12 }, (_, i) =>
      machine(`m${i}`, { evictions: [failed('2026-01-01T00:09:59Z')] }),
    )
    expect(planDrain(facts(machines)).condition?.message).toMatch(/^12 machines left; .*; 2 more$/)
  })
  it('has ended when nothing runs: stopped ones are named', () => {
    expect(planDrain(facts([])).condition).toMatchObject({
      status: 'False',
      reason: 'Drained',
      message: 'no machine is left',
    })
    expect(planDrain(facts([machine('default/db', { on: false })])).condition?.message).toBe(
      'no machine runs; stopped, with disks here: default/db',
    )
  })
  it.each([
    ['uncordoned', { cordoned: false }, true],
    ['taken back', { requested: false }, false],
  ])('%s: what is not sent yet is called off, what is being sent goes on', (_, more, forget) => {
    const waiting = eviction('Pending', 'MigrationPending')
    const prepared = eviction('InProgress', 'WaitingForSyncSlot')
    const plan = planDrain(
      facts(
        [
          machine('a', { evictions: [waiting] }),
          machine('b', { moving: true, evictions: [prepared] }),
          machine('c', { moving: true, sending: true, evictions: [open] }),
        ],
        more,
      ),
    )
    expect(plan).toEqual({ evict: [], callOff: [waiting, prepared], condition: null, forget, againMs: null })
  })
})

describe('evictions', () => {
  it('are told apart by what they are for', () => {
    const of = (name: string, cause: string) =>
      move(name, { type: 'Evict' }, { metadata: { annotations: { 'berth/eviction-cause': cause } } })
    const all = [of('evacuation-a-1', 'h1'), of('evacuation-a-2', 'h2'), of('rebalance-a-3', 'h1'), move('move')]
    expect(evictionsFor(all, 'evacuation', 'h1').map(({ metadata }) => metadata.name)).toEqual(['evacuation-a-1'])
  })
  it.each([
    [0, 0],
    [1, 30_000],
    [2, 60_000],
    [4, 240_000],
    [5, 300_000],
    [50, 300_000],
  ])('after %i failures the next one is %i ms away', (count, ms) => {
    expect(
      retryIn(
        Array.from({ length: count }, () => failed('2026-01-01T00:10:00Z')),
        NOW,
      ),
    ).toBe(ms)
  })
})
