import { describe, expect, it } from 'vitest'
import { DEFAULT_MIGRATION_LIMITS } from '../../../../scheduler/controllers/virtualmachineoperation/facts.ts'
import {
  clusterLimit,
  openRecords,
  type Slots,
  startSlot,
  transferSlot,
  type Waiting,
} from '../../../../scheduler/controllers/virtualmachineoperation/slots.ts'
import type { MigrationRecord } from '../../../../schemas/index.ts'
import { move, recordOf } from './move-support.ts'

const record = (id: string, from: string, to: string, phase: MigrationRecord['phase'] = 'Preparing') =>
  recordOf(move(id), phase, { id, from, to })
const slots = (open: readonly MigrationRecord[], more: Partial<Slots> = {}): Slots => ({
  limits: DEFAULT_MIGRATION_LIMITS,
  nodes: 4,
  open,
  ...more,
})
const waiting = (id: string, from: string, more: Partial<Waiting> = {}): Waiting => ({
  id,
  name: id,
  from,
  priority: 0,
  createdAt: '2026-01-01T00:00:00Z',
  ...more,
})

describe('a move may begin', () => {
  const one = waiting('m', 'h1')
  it.each<[string, Slots, readonly Waiting[], RegExp | null]>([
    ['alone', slots([]), [], null],
    ['as the second of its node', slots([record('a', 'h1', 'h2')]), [], null],
    [
      'not as the third of its node',
      slots([record('a', 'h1', 'h2'), record('b', 'h1', 'h3')]),
      [],
      /2 of 2 .* leave h1/,
    ],
    ['beside those of other nodes', slots([record('a', 'h2', 'h1'), record('b', 'h2', 'h3')]), [], null],
    [
      'not above the cluster’s limit',
      slots(['a', 'b', 'c', 'd'].map((id) => record(id, `n${id}`, 'h9'))),
      [],
      /4 of 4 .* cluster/,
    ],
    [
      'with the limit that is configured',
      slots([record('a', 'h3', 'h2')], { limits: { ...DEFAULT_MIGRATION_LIMITS, parallel: 1 } }),
      [],
      /1 of 1/,
    ],
    [
      'behind a more important one of its node',
      slots([record('a', 'h1', 'h2')]),
      [waiting('vip', 'h1', { priority: 5 })],
      /1 other is before it/,
    ],
    [
      'behind an older one',
      slots([record('a', 'h1', 'h2')]),
      [waiting('zz', 'h1', { createdAt: '2025-01-01T00:00:00Z' })],
      /before it/,
    ],
    [
      'before a younger one',
      slots([record('a', 'h1', 'h2')]),
      [waiting('b', 'h1', { createdAt: '2027-01-01T00:00:00Z' })],
      null,
    ],
    [
      'not held up by those of a node that has no slot itself',
      slots([record('a', 'h2', 'h3'), record('b', 'h2', 'h3')]),
      ['p', 'q', 'r'].map((id) => waiting(id, 'h2', { priority: 5 })),
      null,
    ],
  ])('%s', (_, state, line, expected) => {
    const words = startSlot(state, one, line)
    if (expected === null) expect(words).toBeNull()
    else expect(words).toMatch(expected)
  })
  it('two for a cluster of one, and one for each node', () => {
    expect([1, 2, 5].map((nodes) => clusterLimit({ limits: DEFAULT_MIGRATION_LIMITS, nodes }))).toEqual([2, 2, 5])
  })
})

describe('a prepared move may transfer', () => {
  const own = record('own', 'h1', 'h2', 'Prepared')
  it.each<[string, readonly MigrationRecord[], RegExp | null]>([
    ['alone', [own], null],
    ['beside others that only prepare', [own, record('a', 'h1', 'h3', 'Prepared')], null],
    ['not beside one that leaves the same node', [own, record('a', 'h1', 'h3', 'Transferring')], /leave h1/],
    ['not beside one that comes to the same node', [own, record('a', 'h3', 'h2', 'Transferring')], /come to h2/],
    ['beside one between other nodes', [own, record('a', 'h3', 'h4', 'Transferring')], null],
    ['beside one that only cleans up', [own, record('a', 'h1', 'h2', 'Committed')], null],
  ])('%s', (_, open, expected) => {
    const words = transferSlot(slots(open), own)
    if (expected === null) expect(words).toBeNull()
    else expect(words).toMatch(expected)
  })
  it('ended moves take nothing', () => {
    const ended = (['Cleaned', 'Failed'] as const).map((phase) => ({ migration: record('x', 'h1', 'h2', phase) }))
    expect(openRecords([...ended, {}, { migration: own }])).toEqual([own])
  })
})
