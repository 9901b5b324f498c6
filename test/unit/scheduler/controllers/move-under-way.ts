// A move that is under way, in tests of the plan: its facts, and what a pass makes of them.
import { expect } from 'vitest'
import { planMoves } from '../../../../scheduler/controllers/virtualmachineoperation/plan.ts'
import type { MigrationRecord } from '../../../../schemas/index.ts'
import { type FactsOverrides, move, moveFacts, recordOf, running, SINCE } from './move-support.ts'

export const op = move('move')
export const plan = (facts: FactsOverrides = {}) => planMoves(moveFacts({ operations: [op], ...facts }))

export const at = (
  phase: MigrationRecord['phase'],
  facts: FactsOverrides = {},
  more: Partial<MigrationRecord> = {},
  berth = {},
) => ({
  vm: running({ migration: recordOf(op, phase, more), ...berth }),
  ...facts,
})

export const late = { deadline: '2026-01-01T00:10:00Z' }
export const deleted = {
  operations: [move('move', {}, { metadata: { deletionTimestamp: SINCE, finalizers: ['berth/move'] } })],
}

/** Phase of the record after the pass; null: it is left as it is. */
export const recordAfter = (facts: FactsOverrides) => {
  const { migration } = plan(facts).remember ?? {}
  return migration === undefined
    ? null
    : `${migration.phase}${migration.cancel ? ' cancel' : ''}${migration.resolution ? ` ${migration.resolution}` : ''}`
}

/** Phase and reason of the operation after the pass. */
const operationAfter = (facts: FactsOverrides) => {
  const found = plan(facts).reports.find(([one]) => one.metadata.name === 'move')
  return found === undefined ? null : `${found[1].phase} ${found[1].reason}`
}

/** A case: its title, its facts, the record and the operation after the pass. */
export type Row = readonly [string, FactsOverrides, string | null, string | null]

export const expectRow = (...[, facts, record, operation]: Row): void => {
  expect(recordAfter(facts)).toBe(record)
  expect(operationAfter(facts)).toBe(operation)
}
