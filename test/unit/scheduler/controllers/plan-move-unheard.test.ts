// The plan of a move whose guest is on its way, when a host of it is silent or dead, or people decide.
import { describe, expect, it } from 'vitest'
import { move, SINCE, told } from './move-support.ts'
import { at, expectRow, late, plan, type Row, recordAfter } from './move-under-way.ts'

describe('a guest under way, of which a host is silent or dead', () => {
  it.each<Row>([
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
      'InProgress Aborting',
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
      'decided for the source, which has yet to end its part',
      at('Transferring', { sides: { h1: told('Transferring') } }, { resolution: 'KeepSource', message: 'by hand' }),
      null,
      'InProgress Aborting',
    ],
    [
      'decided that it starts anew, and the source has yet to end its part',
      at('Transferring', { sides: { h1: told('Finishing') } }, { resolution: 'StartAnew', message: 'by hand' }),
      null,
      'InProgress Aborting',
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
  ])('%s', expectRow)

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
      expect(recordAfter(at('Transferring', asked('target')))).toBeNull()
    })
    it('for the target', () => {
      const facts = at('Transferring', { ...asked('target'), sides: { h2: { inSync: false, silent: true } } })
      expect(recordAfter(facts)).toBe('Committed KeepTarget')
      expect(plan(facts).remember?.placement).toMatchObject({ node: 'h2', epoch: 2 })
    })
    it('for neither, also where hosts have disks of their own', () => {
      const facts = at('Transferring', {
        ...asked('disk'),
        shared: false,
        sides: { h2: { inSync: false, silent: true, dead: 'x' } },
      })
      expect(recordAfter(facts)).toBe('Transferring StartAnew')
      expect(plan(facts).remember?.placement).toMatchObject({ node: 'h1', epoch: 3 })
    })
    it('for the source, whose machine has disks of its own, although the target is dead', () => {
      const facts = at('Transferring', {
        ...asked('source'),
        shared: false,
        sides: { h2: { inSync: false, silent: true, dead: 'x' } },
      })
      expect(recordAfter(facts)).toBe('Transferring KeepSource')
    })
    it('for the source', () => {
      const facts = at('Transferring', { ...asked('source'), sides: { h2: { inSync: false, silent: true } } })
      expect(recordAfter(facts)).toBe('Transferring KeepSource')
      expect(plan(facts).remember?.placement).toMatchObject({ node: 'h1', epoch: 3 })
    })
  })
})
