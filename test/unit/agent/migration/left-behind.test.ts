import { expect, it } from 'vitest'
import { leftBehind, toRemove } from '../../../../agent/migration/left-behind.ts'
import type { MigrationPhase } from '../../../../schemas/index.ts'

const record = (phase: MigrationPhase) => ({ id: 'move', phase, made: ['disk'] })

it('keeps disks of a machine that came, and of one that is awaited', () => {
  for (const phase of ['Committed', 'Cleaned'] as const) {
    expect(toRemove(record(phase), true)).toEqual([])
    expect(toRemove(record(phase), false)).toEqual([])
  }
  for (const phase of ['Preparing', 'Prepared', 'Finishing'] as const) {
    expect(toRemove(record(phase), true)).toEqual([])
    expect(leftBehind(record(phase))).toEqual(['disk'])
  }
})

it('removes those of a move that failed, or that was taken back before this host had said anything', () => {
  expect(toRemove(record('Failed'), true)).toEqual(['disk'])
  for (const phase of ['Preparing', 'Prepared', 'Finishing', 'Failed'] as const)
    expect(toRemove(record(phase), false)).toEqual(['disk'])
  expect(toRemove({ id: 'move', phase: 'Failed' }, false)).toEqual([])
  expect(toRemove(undefined, false)).toEqual([])
})
