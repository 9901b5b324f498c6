// The plan of a move of which it is decided who has the guest.
import { describe, it } from 'vitest'
import { move, told } from './move-support.ts'
import { at, deleted, expectRow, type Row } from './move-under-way.ts'

const BROKEN = told('Committed', { endTime: '2026-01-01T00:00:30Z', reason: 'PostCopyFailed', message: 'it broke' })
const byHand = move('move', {}, { metadata: { annotations: { 'berth/migration-resolution': 'target' } } })

describe('a move that is decided', () => {
  it.each<Row>([
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
  ])('%s', expectRow)
})
