import { describe, expect, it } from 'vitest'
import { planMoves } from '../../../../scheduler/controllers/virtualmachineoperation/plan.ts'
import type { MigrationRecord } from '../../../../schemas/index.ts'
import { type FactsOverrides, move, moveFacts, NOW, recordOf, running, SINCE, told } from './move-support.ts'

const op = move('move')
const plan = (facts: FactsOverrides = {}) => planMoves(moveFacts({ operations: [op], ...facts }))
/** Phase and reason of an operation after the pass. */
const said = (facts: FactsOverrides = {}, name = 'move') => {
  const found = plan(facts).reports.find(([one]) => one.metadata.name === name)
  return found === undefined ? null : `${found[1].phase} ${found[1].reason}`
}

describe('a move under way', () => {
  const at = (
    phase: MigrationRecord['phase'],
    facts: FactsOverrides = {},
    more: Partial<MigrationRecord> = {},
    berth = {},
  ) => ({
    vm: running({ migration: recordOf(op, phase, more), ...berth }),
    ...facts,
  })
  /** Phase of the record after the pass. */
  const then = (facts: FactsOverrides) => {
    const { migration } = plan(facts).remember ?? {}
    return migration === undefined
      ? null
      : `${migration.phase}${migration.cancel ? ' cancel' : ''}${migration.resolution ? ` ${migration.resolution}` : ''}`
  }
  const late = { deadline: '2026-01-01T00:10:00Z' }
  const deleted = {
    operations: [move('move', {}, { metadata: { deletionTimestamp: SINCE, finalizers: ['berth/move'] } })],
  }

  const BROKEN = told('Committed', { endTime: '2026-01-01T00:00:30Z', reason: 'PostCopyFailed', message: 'it broke' })
  const byHand = move('move', {}, { metadata: { annotations: { 'berth/migration-resolution': 'target' } } })

  it.each<[string, FactsOverrides, string | null, string | null]>([
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
    [
      'called off and nobody answers',
      at('Transferring', {}, { ...late, cancel: true }),
      null,
      'InProgress OutcomeUnknown',
    ],
    [
      'target silent in the transfer',
      at('Transferring', { sides: { h2: { inSync: false, silent: true } } }),
      null,
      'InProgress OutcomeUnknown',
    ],
    [
      'source silent in the transfer',
      at('Transferring', { sides: { h1: { inSync: false, silent: true } } }),
      null,
      'InProgress OutcomeUnknown',
    ],
    [
      'target dead',
      at('Transferring', { sides: { h2: { inSync: false, silent: true, dead: 'fenced' } } }),
      'Transferring StartAnew',
      'InProgress OutcomeUnknown',
    ],
    [
      'target dead, with disks of its own',
      at('Transferring', { shared: false, sides: { h2: { inSync: false, silent: true, dead: 'fenced' } } }),
      null,
      'InProgress OutcomeUnknown',
    ],
    [
      'target dead, with disks of its own, and the source knows that it never left',
      at('Transferring', {
        shared: false,
        sides: { h1: told('Failed'), h2: { inSync: false, silent: true, dead: 'fenced' } },
      }),
      'Failed',
      'Failed OperationFailed',
    ],
    [
      'target dead, with disks of its own, and back',
      at('Transferring', { shared: false, sides: { h2: told('Committed') } }),
      'Committed',
      'InProgress TargetResumed',
    ],
    [
      'both dead, with disks of their own',
      at('Transferring', {
        shared: false,
        sides: { h1: { inSync: false, silent: true, dead: 'x' }, h2: { inSync: false, silent: true, dead: 'x' } },
      }),
      null,
      'InProgress OutcomeUnknown',
    ],
    [
      'decided that it starts anew, then the source died as well',
      at('Transferring', { sides: { h1: { dead: 'x' }, h2: { dead: 'x' } } }, { resolution: 'StartAnew' }),
      'Failed StartAnew',
      'Failed OperationFailed',
    ],
    [
      'target dead, and the source has said that it committed',
      at('Transferring', { sides: { h1: told('Cleaned'), h2: { dead: 'fenced' } } }),
      'Committed',
      'InProgress TargetResumed',
    ],
    [
      'source dead, target without a word',
      at('Transferring', { sides: { h1: { dead: 'fenced' }, h2: told('Prepared') } }),
      'Transferring cancel',
      'InProgress Aborting',
    ],
    [
      'source dead, target undecided, called off',
      at('Transferring', { sides: { h1: { dead: 'fenced' }, h2: told('Prepared') } }, { cancel: true }),
      null,
      'InProgress Aborting',
    ],
    [
      'source dead, target committed',
      at('Transferring', { sides: { h1: { dead: 'fenced' }, h2: told('Committed') } }),
      'Committed',
      'InProgress TargetResumed',
    ],
    [
      'source dead, target failed',
      at('Transferring', { sides: { h1: { dead: 'fenced' }, h2: told('Failed') } }),
      'Failed',
      'Failed OperationFailed',
    ],
    [
      'both dead',
      at('Transferring', { sides: { h1: { dead: 'fenced' }, h2: { dead: 'fenced' } } }),
      'Failed',
      'Failed OperationFailed',
    ],
    [
      'committed, source cleans',
      at('Committed', { sides: { h1: told('Transferring') } }),
      null,
      'InProgress TargetResumed',
    ],
    [
      'committed, source silent',
      at('Committed', { sides: { h1: { inSync: false, silent: true } } }),
      null,
      'InProgress TargetResumed',
    ],
    [
      'committed, source cleaned, the guest does not go on yet',
      at('Committed', { sides: { h1: told('Cleaned'), h2: told('Committed') } }),
      null,
      'InProgress TargetResumed',
    ],
    [
      'committed, source cleaned, the guest goes on',
      at('Committed', { sides: { h1: told('Cleaned'), h2: told('Committed', { endTime: '2026-01-01T00:00:30Z' }) } }),
      'Cleaned',
      'Completed null',
    ],
    [
      'a post-copy whose target was last heard before it decided',
      at('Committed', { sides: { h1: told('Cleaned'), h2: told('Prepared') } }, { options: { postCopy: true } }),
      null,
      'InProgress TargetResumed',
    ],
    [
      'a post-copy that broke',
      at('Committed', {
        sides: {
          h1: told('Cleaned'),
          h2: BROKEN,
        },
      }),
      'Cleaned',
      'Failed PostCopyFailed',
    ],
    [
      'a post-copy whose source is dead, while the target waits for the rest',
      at('Committed', { sides: { h1: { dead: 'fenced' }, h2: told('Committed') } }, { options: { postCopy: true } }),
      'Committed KeepTarget',
      'InProgress TargetResumed',
    ],
    [
      'a post-copy whose source was given up by hand, while the target waits for the rest',
      at(
        'Committed',
        { operations: [byHand], sides: { h1: { silent: true, inSync: false }, h2: told('Committed') } },
        { options: { postCopy: true } },
      ),
      'Committed KeepTarget',
      'InProgress TargetResumed',
    ],
    [
      'a post-copy that broke, whose source does not say that it has ended its part',
      at('Committed', { sides: { h1: { silent: true, inSync: false }, h2: BROKEN } }, { options: { postCopy: true } }),
      null,
      'InProgress TargetResumed',
    ],
    [
      'a post-copy that broke, whose source was given up by hand',
      at(
        'Committed',
        { operations: [byHand], sides: { h1: { silent: true, inSync: false }, h2: BROKEN } },
        { options: { postCopy: true } },
      ),
      'Committed KeepTarget',
      'InProgress TargetResumed',
    ],
    [
      'a post-copy that broke, whose source is dead',
      at('Committed', { sides: { h1: { dead: 'fenced' }, h2: BROKEN } }, { options: { postCopy: true } }),
      'Cleaned',
      'Failed PostCopyFailed',
    ],
    [
      'a post-copy whose source was given up, and the target has said what became of it',
      at(
        'Committed',
        { sides: { h1: { dead: 'x' }, h2: told('Committed', { endTime: '2026-01-01T00:00:30Z' }) } },
        { options: { postCopy: true }, resolution: 'KeepTarget' },
      ),
      'Cleaned KeepTarget',
      'Completed null',
    ],
    ['committed, source cleaned', at('Committed', { sides: { h1: told('Cleaned') } }), 'Cleaned', 'Completed null'],
    [
      'committed, source dead',
      at('Committed', { sides: { h1: { inSync: false, silent: true, dead: 'fenced' } } }),
      'Cleaned',
      'Completed null',
    ],
    [
      'committed, operation deleted',
      at('Committed', { ...deleted, sides: { h1: told('Transferring') } }),
      null,
      'Terminating TargetResumed',
    ],
    ['over, killed before its operation was told', at('Cleaned'), null, 'Completed null'],
    [
      'failed, killed before its operation was told',
      at('Failed', {}, { message: 'broken' }),
      null,
      'Failed OperationFailed',
    ],
  ])('%s', (_, facts, record, operation) => {
    expect(then(facts)).toBe(record)
    expect(said(facts)).toBe(operation)
  })

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
  it('another target has an epoch of its own, and the first one lets go', () => {
    const { remember } = plan(
      at('Preparing', { sides: { h2: { refused: 'no room' } }, choose: () => ({ node: 'h3' }) }),
    )
    expect(remember).toMatchObject({
      migration: { to: 'h3', epoch: 3, startedAt: SINCE, refusedBy: [{ node: 'h2', message: 'no room' }] },
      leaving: [{ node: 'h2', epoch: 2 }],
    })
  })
  it('a dead target: the source goes on by an epoch above what the target may have committed', () => {
    expect(plan(at('Transferring', { sides: { h2: { dead: 'fenced' } } })).remember).toMatchObject({
      placement: { node: 'h1', epoch: 3 },
      leaving: [{ node: 'h2', epoch: 2 }],
      migration: { resolution: 'StartAnew', message: 'h2 is dead (fenced)' },
    })
  })
  it('decided for the source, which had cleaned up already: the target’s place is above that epoch', () => {
    const facts = at(
      'Transferring',
      { sides: { h1: told('Cleaned') } },
      { resolution: 'KeepSource' },
      {
        placement: { node: 'h1', epoch: 3, since: SINCE },
        leaving: [{ node: 'h2', epoch: 2, since: SINCE }],
      },
    )
    expect(plan(facts).remember).toMatchObject({
      placement: { node: 'h2', epoch: 4 },
      leaving: [{ node: 'h1', epoch: 3, until: 'uid-move' }],
    })
  })

  it('nothing is decided, by people neither, when a host has obeyed a later word than this store knows of', () => {
    const byPeople = move('move', {}, { metadata: { annotations: { 'berth/migration-resolution': 'source' } } })
    for (const facts of [
      at('Transferring', { sides: { h1: { told: null }, h2: { dead: 'fenced' } } }),
      at('Transferring', { sides: { h2: { silent: true } }, operations: [byPeople] }),
      at('Transferring', { sides: { h2: told('Committed') } }),
      at('Preparing', { sides: { h1: { dead: 'fenced' } } }),
    ]) {
      expect(plan(facts).remember).not.toBeNull()
      const outdated = { ...facts, outdated: 'h3 has it by epoch 3' }
      expect(plan(outdated).remember).toBeNull()
      expect(plan(outdated).reports[0]?.[1]).toMatchObject({
        phase: 'InProgress',
        reason: 'OutcomeUnknown',
        message: 'h3 has it by epoch 3',
      })
    }
  })

  describe('decided by hand', () => {
    const asked = (value: string) => ({
      operations: [move('move', {}, { metadata: { annotations: { 'berth/migration-resolution': value } } })],
    })
    it('not while both hosts answer', () => {
      expect(then(at('Transferring', asked('target')))).toBeNull()
    })
    it('for the target', () => {
      const facts = at('Transferring', { ...asked('target'), sides: { h2: { inSync: false, silent: true } } })
      expect(then(facts)).toBe('Committed KeepTarget')
      expect(plan(facts).remember?.placement).toMatchObject({ node: 'h2', epoch: 2 })
    })
    it('for neither, also where hosts have disks of their own', () => {
      const facts = at('Transferring', {
        ...asked('disk'),
        shared: false,
        sides: { h2: { inSync: false, silent: true, dead: 'x' } },
      })
      expect(then(facts)).toBe('Transferring StartAnew')
      expect(plan(facts).remember?.placement).toMatchObject({ node: 'h1', epoch: 3 })
    })
    it('for the source, whose machine has disks of its own, although the target is dead', () => {
      const facts = at('Transferring', {
        ...asked('source'),
        shared: false,
        sides: { h2: { inSync: false, silent: true, dead: 'x' } },
      })
      expect(then(facts)).toBe('Transferring KeepSource')
    })
    it('for the source', () => {
      const facts = at('Transferring', { ...asked('source'), sides: { h2: { inSync: false, silent: true } } })
      expect(then(facts)).toBe('Transferring KeepSource')
      expect(plan(facts).remember?.placement).toMatchObject({ node: 'h1', epoch: 3 })
    })
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

  it('every pass over the same facts after its own writes changes nothing more', () => {
    const first = plan({ now: NOW })
    const record = first.remember?.migration as MigrationRecord
    expect(plan({ vm: running({ migration: record }) }).remember).toBeNull()
  })
})
