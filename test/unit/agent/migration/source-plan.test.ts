import { describe, expect, it } from 'vitest'
import { planSource, type SourceSeen } from '../../../../agent/migration/source-plan.ts'

const seen: SourceSeen = {
  spec: { go: true, peer: { node: 'h2', url: 'https://10.0.0.2:8750' }, options: {} },
  phase: null,
  busy: false,
  domain: 'running',
  job: false,
  stuck: false,
  target: null,
  reason: null,
  full: null,
}
const BY_POST_COPY = { options: { postCopy: true } }
const said = (change: Partial<SourceSeen> & { readonly asked?: Partial<SourceSeen['spec']> }) => {
  const { asked = {}, ...more } = change
  const step = planSource({ ...seen, ...more, spec: { ...seen.spec, ...asked } })
  if (step.do === 'ask-target' && step.holdBack) return 'ask-target and hold back'
  return 'reason' in step ? `${step.do} ${step.reason}`.trim() : 'phase' in step ? `${step.do} ${step.phase}` : step.do
}

describe('the source of a migration', () => {
  it.each([
    ['was not told to go', { asked: { go: false } }, 'nothing'],
    ['may go', {}, 'transfer'],
    ['has no room', { full: 'another machine is leaving this host' }, 'wait'],
    ['was called off before', { asked: { cancel: true } }, 'keep Aborted'],
    ['has no guest that runs', { domain: 'off' }, 'keep SourceNotRunning'],
    ['has a guest that a person paused', { domain: 'paused' }, 'keep SourceNotRunning'],
    ['sends', { phase: 'Transferring', busy: true }, 'nothing'],
    ['sends for an agent that is gone', { phase: 'Transferring', job: true }, 'abort-job'],
    ['has sent all for an agent that is gone', { phase: 'Transferring', domain: 'handed' }, 'keep Interrupted'],
    ['has the guest back after a restart of libvirtd', { phase: 'Transferring' }, 'keep Interrupted'],
    ['has asked the target and heard nothing', { phase: 'Finishing', domain: 'handed' }, 'ask-target'],
    ['hears nothing again', { phase: 'Finishing', domain: 'handed', target: 'Undecided' }, 'wait'],
    [
      'hears that the target has it',
      { phase: 'Finishing', domain: 'handed', target: 'Committed' },
      'end-here Committed',
    ],
    ['hears that it could not', { phase: 'Finishing', domain: 'handed', target: 'Failed' }, 'keep TargetFailed'],
    [
      'hears so while libvirt sends the last of it for an agent that is gone',
      { phase: 'Finishing', domain: 'handed', target: 'Failed', job: true },
      'abort-job',
    ],
    [
      'hears so of a post-copy that libvirt was just told to end',
      { phase: 'Finishing', target: 'Failed', job: true, asked: { options: { postCopy: true } } },
      'abort-job',
    ],
    [
      'hears so of a post-copy that libvirt does not end',
      { phase: 'Finishing', target: 'Failed', job: true, stuck: true, asked: { options: { postCopy: true } } },
      'start-anew PostCopyFailed',
    ],
    [
      'never asked in a post-copy that libvirt does not end',
      { phase: 'Transferring', job: true, stuck: true, asked: { options: { postCopy: true } } },
      'start-anew PostCopyFailed',
    ],
    [
      'hears so of another transfer that libvirt does not end',
      { phase: 'Finishing', domain: 'handed', target: 'Failed', job: true, stuck: true },
      'abort-job',
    ],
    [
      'is told to keep it meanwhile',
      { phase: 'Finishing', domain: 'handed', job: true, asked: { resolution: 'KeepSource' } },
      'abort-job',
    ],
    ['hears nothing meanwhile', { phase: 'Finishing', domain: 'handed', target: 'Undecided', job: true }, 'wait'],
    [
      'is told that the target is dead',
      { phase: 'Finishing', domain: 'handed', asked: { resolution: 'KeepSource' } },
      'keep Resolved',
    ],
    [
      'is told that the target is dead, which it had asked',
      { phase: 'Finishing', domain: 'handed', asked: { resolution: 'StartAnew' } },
      'start-anew StartedAnew',
    ],
    [
      'was killed after it had ended what it held',
      { phase: 'Finishing', domain: 'off', asked: { resolution: 'StartAnew' } },
      'start-anew StartedAnew',
    ],
    [
      'is told so, and knows that the target could not',
      { phase: 'Finishing', domain: 'handed', target: 'Failed', asked: { resolution: 'StartAnew' } },
      'keep TargetFailed',
    ],
    [
      'is told so, and never asked it',
      { phase: 'Transferring', domain: 'handed', asked: { resolution: 'StartAnew' } },
      'keep Interrupted',
    ],
    ['is told so before it went', { phase: 'Prepared', asked: { resolution: 'StartAnew' } }, 'keep Resolved'],
    [
      'is told to give up',
      { phase: 'Finishing', domain: 'handed', asked: { resolution: 'KeepTarget' } },
      'end-here Committed',
    ],
    ['was cancelled too late', { phase: 'Finishing', domain: 'handed', asked: { cancel: true } }, 'ask-target'],
    ['has its own copy left', { phase: 'Committed', domain: 'handed' }, 'end-here Committed'],
    ['has nothing left', { phase: 'Committed', domain: 'absent' }, 'end-here Cleaned'],
    ['is done', { phase: 'Cleaned', domain: 'absent' }, 'nothing'],
    ['has failed and still holds the guest', { phase: 'Failed', domain: 'handed' }, 'keep'],
    [
      'has a part of the guest, sent by post-copy for an agent that is gone',
      { phase: 'Transferring', domain: 'split', job: true },
      'keep Interrupted',
    ],
    ['has a part of the guest, and asks', { phase: 'Finishing', domain: 'split', job: true }, 'ask-target'],
    [
      'has a part of the guest, and hears No',
      { phase: 'Finishing', domain: 'split', job: true, target: 'Failed' },
      'keep TargetFailed',
    ],
    ['has failed and holds a part of the guest', { phase: 'Failed', domain: 'split', job: true }, 'keep'],
    [
      'has the guest back from a post-copy, and does not know whether the target has it',
      { phase: 'Finishing', asked: BY_POST_COPY },
      'ask-target and hold back',
    ],
    ['has it back by another move', { phase: 'Finishing' }, 'ask-target'],
    [
      'holds it back, and hears nothing',
      { phase: 'Finishing', domain: 'paused', target: 'Undecided', asked: BY_POST_COPY },
      'wait',
    ],
    [
      'holds it back, and hears that the target has it',
      { phase: 'Finishing', domain: 'paused', target: 'Committed', asked: BY_POST_COPY },
      'end-here Committed',
    ],
    [
      'was killed before it let go on what it held back',
      { phase: 'Failed', domain: 'paused', reason: 'Interrupted', asked: BY_POST_COPY },
      'keep',
    ],
    [
      'has failed, and has a guest that a person paused',
      { phase: 'Failed', domain: 'paused', reason: 'SourceNotRunning', asked: BY_POST_COPY },
      'nothing',
    ],
    ['has failed while libvirt still sends', { phase: 'Failed', job: true }, 'abort-job'],
    ['has failed and runs on', { phase: 'Failed' }, 'nothing'],
  ] as const)('%s', (_title, change, expected) => {
    expect(said(change)).toBe(expected)
  })

  it('says whom it waits for, and that the guest is paused', () => {
    const step = planSource({ ...seen, phase: 'Finishing', domain: 'handed', target: 'Undecided' })
    expect(step).toMatchObject({ why: expect.stringContaining('h2 does not say') })
    expect(step).toMatchObject({ why: expect.stringContaining('stays paused here') })
  })
})

describe('never two', () => {
  const phases = [null, 'Preparing', 'Prepared', 'Transferring', 'Finishing', 'Committed', 'Cleaned', 'Failed'] as const
  const domains = ['running', 'handed', 'paused', 'off', 'absent'] as const
  const targets = [null, 'Undecided', 'Committed', 'Failed'] as const
  const every = phases.flatMap((phase) =>
    domains.flatMap((domain) =>
      targets.flatMap((target) =>
        [false, true].flatMap((job) => [false, true].map((cancel) => ({ phase, domain, target, job, cancel }))),
      ),
    ),
  )

  it('after the target was asked the guest goes on here by its No alone', () => {
    for (const { cancel, ...one } of every) {
      const step = planSource({ ...seen, ...one, spec: { ...seen.spec, cancel } })
      if (one.phase === 'Finishing' && step.do === 'keep') expect(one.target).toBe('Failed')
      if (one.phase === 'Committed' || one.phase === 'Cleaned') expect(step.do).not.toBe('keep')
    }
  })

  it('nor when the target is dead: what may have run elsewhere never goes on from here', () => {
    for (const { cancel, ...one } of every) {
      const step = planSource({ ...seen, ...one, spec: { ...seen.spec, cancel, resolution: 'StartAnew' } })
      if (one.phase === 'Finishing' && step.do === 'keep') expect(one.target).toBe('Failed')
      if (step.do === 'start-anew') expect(one.phase).toBe('Finishing')
      expect(step.do).not.toBe('transfer')
    }
  })

  it('the copy here ends by its Yes alone', () => {
    for (const { cancel, ...one } of every) {
      const step = planSource({ ...seen, ...one, spec: { ...seen.spec, cancel } })
      if (step.do === 'end-here') expect(one.phase === 'Committed' || one.target === 'Committed').toBe(true)
    }
  })
})
