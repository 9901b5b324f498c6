import { describe, expect, it } from 'vitest'
import { planTarget, type TargetSeen } from '../../../../agent/migration/target-plan.ts'

const seen: TargetSeen = {
  spec: {},
  phase: null,
  busy: false,
  incoming: false,
  domain: 'absent',
  leftBehind: false,
  settled: false,
  full: null,
}
const said = (change: Partial<TargetSeen>) => {
  const step = planTarget({ ...seen, ...change })
  return 'reason' in step ? `${step.do} ${step.reason}`.trim() : step.do
}

describe('the target of a migration', () => {
  it.each([
    ['makes what is needed', {}, 'prepare'],
    ['goes on with it after a cut', { phase: 'Preparing' }, 'prepare'],
    ['has no room yet', { full: 'others are coming' }, 'wait'],
    ['is at work', { phase: 'Preparing', busy: true }, 'nothing'],
    ['was called off', { phase: 'Preparing', spec: { cancel: true } }, 'refuse Aborted'],
    ['waits for the source', { phase: 'Prepared' }, 'nothing'],
    ['waits for the source beside an old definition', { phase: 'Prepared', domain: 'off' }, 'nothing'],
    ['waits for the guest', { phase: 'Prepared', incoming: true, domain: 'paused' }, 'nothing'],
    ['has a QEMU whose agent is gone', { phase: 'Prepared', domain: 'paused' }, 'refuse Interrupted'],
    [
      'was called off while it waits',
      { phase: 'Prepared', incoming: true, domain: 'paused', spec: { cancel: true } },
      'refuse Aborted',
    ],
    ['has decided and not yet begun', { phase: 'Committed', domain: 'paused' }, 'settle'],
    [
      'has decided, whatever is said later',
      { phase: 'Committed', domain: 'paused', spec: { cancel: true, resolution: 'KeepSource' } },
      'settle',
    ],
    ['is done', { phase: 'Committed', domain: 'running', settled: true }, 'nothing'],
    ['has refused', { phase: 'Failed' }, 'nothing'],
    ['has refused and something is left', { phase: 'Failed', domain: 'paused' }, 'refuse'],
    ['has refused and its disks are left', { phase: 'Failed', leftBehind: true }, 'refuse'],
  ] as const)('%s', (_title, change, expected) => {
    expect(said(change)).toBe(expected)
  })

  it('ends nothing that it has decided to have', () => {
    for (const domain of ['running', 'paused', 'off', 'absent'] as const)
      for (const phase of ['Committed', 'Cleaned'] as const)
        for (const settled of [false, true])
          expect(said({ phase, domain, settled, spec: { cancel: true } })).not.toMatch(/^refuse/)
  })
})
