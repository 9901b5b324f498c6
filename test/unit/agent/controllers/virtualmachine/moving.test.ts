import { expect, it } from 'vitest'
import { movingStatus } from '../../../../../agent/controllers/virtualmachine/moving.ts'
import type { Hold } from '../../../../../agent/migration/hold.ts'

const hold: Hold = {
  side: 'Source',
  peer: 'h2',
  phase: 'Transferring',
  message: 'its memory is being sent to h2',
  startTime: '2026-01-01T00:00:00Z',
}
const before = { phase: 'Running', nodeName: 'h1', ipAddress: '10.0.0.5', berth: { power: { ran: true } } } as const

it('says where from, where to and how far, and leaves the rest as it was', () => {
  const status = movingStatus(before, hold, 'h1', 0)
  expect(status).toMatchObject({
    ...before,
    phase: 'Migrating',
    migrationState: { startTimestamp: '2026-01-01T00:00:00Z', source: { node: 'h1' }, target: { node: 'h2' } },
    conditions: [
      { type: 'Migrating', status: 'True', reason: 'InProgress', message: 'its memory is being sent to h2' },
    ],
  })
  expect(movingStatus(undefined, { ...hold, side: 'Target', peer: 'h1' }, 'h2', 0).migrationState).toMatchObject({
    source: { node: 'h1' },
    target: { node: 'h2' },
  })
})

it('notes the phase once', () => {
  const once = movingStatus(before, hold, 'h1', 0)
  const again = movingStatus(once, { ...hold, message: 'h2 has all of it' }, 'h1', 60_000)
  expect(again.stats?.phasesTransitions).toEqual([{ phase: 'Migrating', timestamp: '1970-01-01T00:00:00Z' }])
})
