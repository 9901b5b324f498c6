// The plan of a move whose guest is on its way, while both hosts say what they see.
import { describe, expect, it } from 'vitest'
import { move, told } from './move-support.ts'
import { at, deleted, expectRow, late, op, plan, type Row } from './move-under-way.ts'

describe('a guest under way', () => {
  it.each<Row>([
    ['transfer', at('Transferring', { sides: { h1: told('Transferring') } }), null, 'InProgress Syncing'],
    [
      'transfer does not converge',
      at('Transferring', { sides: { h1: told('Transferring', { reason: 'NotConverging' }) } }),
      null,
      'InProgress NotConverging',
    ],
    ['target is asked', at('Transferring', { sides: { h1: told('Finishing') } }), null, 'InProgress SourceSuspended'],
    [
      'target committed',
      at('Transferring', { sides: { h2: told('Committed') } }),
      'Committed',
      'InProgress TargetResumed',
    ],
    [
      'source cleaned, target silent',
      at('Transferring', { sides: { h1: told('Cleaned'), h2: { inSync: false, silent: true } } }),
      'Committed',
      'InProgress TargetResumed',
    ],
    [
      'source failed',
      at('Transferring', { sides: { h1: told('Failed', { message: 'broken pipe' }) } }),
      'Failed',
      'Failed OperationFailed',
    ],
    [
      'source refuses to go',
      at('Transferring', { sides: { h1: { refused: 'stale' } } }),
      'Failed',
      'Failed OperationFailed',
    ],
    [
      'target says failed, source not yet',
      at('Transferring', { sides: { h2: told('Failed') } }),
      null,
      'InProgress Syncing',
    ],
    ['operation deleted', at('Transferring', deleted), 'Transferring cancel', 'Terminating Aborting'],
    ['being called off', at('Transferring', deleted, { cancel: true }), null, 'Terminating Aborting'],
    [
      'restart asked for',
      at('Transferring', { operations: [op, move('restart', { type: 'Restart' })] }),
      'Transferring cancel',
      'InProgress Aborting',
    ],
    [
      'called off for a restart, source says so',
      at(
        'Transferring',
        { sides: { h1: told('Failed') } },
        { cancel: true, reason: 'Superseded', message: 'restart took its place' },
      ),
      'Failed cancel',
      'Superseded Superseded',
    ],
    [
      'called off too late',
      at('Transferring', { sides: { h2: told('Committed') } }, { cancel: true, reason: 'Aborted' }),
      'Committed',
      'InProgress TargetResumed',
    ],
    ['too slow', at('Transferring', {}, late), 'Transferring cancel', 'InProgress Aborting'],
  ])('%s', expectRow)

  it('committed: the target has the place, the source is left until it has cleaned up', () => {
    expect(plan(at('Transferring', { sides: { h2: told('Committed') } })).remember).toMatchObject({
      placement: { node: 'h2', epoch: 2 },
      leaving: [{ node: 'h1', epoch: 1, until: 'uid-move' }],
    })
  })

  it('failed: the target is left, and the place stays', () => {
    const { remember } = plan(at('Transferring', { sides: { h1: told('Failed') } }))
    expect(remember?.placement).toBeUndefined()
    expect(remember?.leaving).toEqual([{ node: 'h2', epoch: 2, since: '2026-01-01T00:10:00Z' }])
  })

  it('says what the guest’s progress is', () => {
    const progress = (iteration: number, remainingBytes: number) =>
      plan(
        at('Transferring', {
          sides: { h1: told('Transferring', { progress: { totalBytes: 100, remainingBytes, iteration } }) },
        }),
      ).reports[0]?.[1].progress
    expect([progress(1, 100), progress(1, 50), progress(1, 0)]).toEqual([10, 27, 45])
    expect([progress(2, 50), progress(5, 1), progress(6, 500)]).toEqual([67, 89, 45])
  })
})
