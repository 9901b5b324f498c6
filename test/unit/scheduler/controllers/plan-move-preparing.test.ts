// The plan of a move until the source is let go: the target makes itself ready.
import { describe, expect, it } from 'vitest'
import type { MigrationRecord } from '../../../../schemas/index.ts'
import { NOW, recordOf, running, SINCE, told } from './move-support.ts'
import { at, deleted, expectRow, late, op, plan, type Row } from './move-under-way.ts'

describe('a move whose target is made ready', () => {
  it.each<Row>([
    [
      'target silent',
      at('Preparing', { sides: { h2: { inSync: false, silent: true } } }),
      null,
      'InProgress MigrationPrepareTarget',
    ],
    [
      'target prepares',
      at('Preparing', { sides: { h2: told('Preparing') } }),
      null,
      'InProgress MigrationPrepareTarget',
    ],
    ['target prepared', at('Preparing', { sides: { h2: told('Prepared') } }), 'Transferring', 'InProgress Syncing'],
    [
      'target prepared while another one transfers',
      at('Preparing', { sides: { h2: told('Prepared') }, transferSlot: () => 'one transfers' }),
      'Prepared',
      'InProgress WaitingForSyncSlot',
    ],
    ['target late', at('Preparing', {}, late), 'Failed', 'Failed OperationFailed'],
    [
      'target refuses',
      at('Preparing', { sides: { h2: { refused: 'no room' } }, choose: () => ({ node: 'h3' }) }),
      'Preparing',
      'InProgress MigrationPrepareTarget',
    ],
    [
      'target refuses, no other',
      at('Preparing', { sides: { h2: { refused: 'no room' } }, choose: () => ({ node: null, message: '0/2' }) }),
      'Failed',
      'Failed TargetUnschedulable',
    ],
    [
      'the third refuses',
      at(
        'Preparing',
        { sides: { h2: { refused: 'no room' } } },
        {
          refusedBy: [
            { node: 'h3', message: 'x' },
            { node: 'h4', message: 'y' },
          ],
        },
      ),
      'Failed',
      'Failed OperationFailed',
    ],
    [
      'target failed to prepare',
      at('Preparing', { sides: { h2: told('Failed', { message: 'no image' }) }, choose: () => ({ node: 'h3' }) }),
      'Preparing',
      'InProgress MigrationPrepareTarget',
    ],
    [
      'target dead',
      at('Prepared', { sides: { h2: { dead: 'fenced' } }, choose: () => ({ node: 'h3' }) }),
      'Preparing',
      'InProgress MigrationPrepareTarget',
    ],
    [
      'source dead before it went',
      at('Preparing', { sides: { h1: { dead: 'fenced' } } }),
      'Failed',
      'Failed OperationFailed',
    ],
    [
      'machine stopped before it went',
      at('Prepared', { vm: running({ migration: recordOf(op, 'Prepared') }, { status: { phase: 'Stopped' } }) }),
      'Failed',
      'Failed OperationFailed',
    ],
    ['operation deleted before it went', at('Prepared', deleted), 'Failed', 'Failed Aborted'],
    ['operation gone before it went', at('Prepared', { operations: [] }), 'Failed', null],
    ['no slot', at('Prepared', { transferSlot: () => 'one transfers' }), null, 'InProgress WaitingForSyncSlot'],
    [
      'no slot for an hour',
      at('Prepared', { transferSlot: () => 'one transfers' }, late),
      'Failed',
      'Failed OperationFailed',
    ],
    ['slot', at('Prepared'), 'Transferring', 'InProgress Syncing'],
  ])('%s', expectRow)

  it('another target has an epoch of its own, and the first one lets go', () => {
    const { remember } = plan(
      at('Preparing', { sides: { h2: { refused: 'no room' } }, choose: () => ({ node: 'h3' }) }),
    )
    expect(remember).toMatchObject({
      migration: { to: 'h3', epoch: 3, startedAt: SINCE, refusedBy: [{ node: 'h2', message: 'no room' }] },
      leaving: [{ node: 'h2', epoch: 2 }],
    })
  })

  it('every pass over the same facts after its own writes changes nothing more', () => {
    const first = plan({ now: NOW })
    const record = first.remember?.migration as MigrationRecord
    expect(plan({ vm: running({ migration: record }) }).remember).toBeNull()
  })
})
