import { describe, expect, it } from 'vitest'
import { planMoves } from '../../../../scheduler/controllers/virtualmachineoperation/plan.ts'
import type { VirtualMachine } from '../../../../schemas/index.ts'
import { type FactsOverrides, move, moveFacts, recordOf, running, SINCE, told } from './move-support.ts'

const op = move('move')
const plan = (facts: FactsOverrides = {}) => planMoves(moveFacts({ operations: [op], ...facts }))
/** Phase and reason of an operation after the pass. */
const said = (facts: FactsOverrides = {}, name = 'move') => {
  const found = plan(facts).reports.find(([one]) => one.metadata.name === name)
  return found === undefined ? null : `${found[1].phase} ${found[1].reason}`
}
const words = (facts: FactsOverrides = {}) => plan(facts).reports[0]?.[1].message

describe('a move that is asked for', () => {
  it('takes a target, an epoch and its limits, and holds its operation first', () => {
    const { remember, hold, reports } = plan()
    expect(remember).toEqual({
      migration: {
        id: 'uid-move',
        operation: 'move',
        from: 'h1',
        to: 'h2',
        epoch: 2,
        phase: 'Preparing',
        startedAt: '2026-01-01T00:10:00Z',
        since: '2026-01-01T00:10:00Z',
        deadline: '2026-01-01T00:15:00Z',
        options: {
          autoConverge: false,
          bandwidthMiBps: 640,
          completionTimeoutSecondsPerGiB: 800,
          progressTimeoutSeconds: 150,
        },
      },
    })
    expect(hold).toEqual([op])
    expect(reports.map(([, { phase, reason, progress }]) => [phase, reason, progress])).toEqual([
      ['InProgress', 'MigrationPrepareTarget', 3],
    ])
  })
  it('the epoch is above every one that was ever given', () => {
    const old = recordOf(move('old'), 'Failed', { epoch: 7 })
    expect(plan({ vm: running({ migration: old }) }).remember?.migration?.epoch).toBe(8)
    expect(plan({ vm: running({ epoch: 9 }) }).remember?.migration?.epoch).toBe(10)
  })
  it('says nothing that hosts told of an earlier one', () => {
    const sides = { h2: told('Failed', { message: 'the source called it off' }) }
    expect(words({ sides })).toBe('h2 prepares for the machine')
  })
  it('takes its options from annotations and force', () => {
    const annotations = { 'berth/migration-post-copy': 'true', 'berth/migration-bandwidth': '0' }
    const forced = move('move', { force: true }, { metadata: { annotations } })
    expect(plan({ operations: [forced] }).remember?.migration?.options).toMatchObject({
      autoConverge: true,
      postCopy: true,
      bandwidthMiBps: 0,
    })
  })
  const spec = (more: Partial<VirtualMachine['spec']>) => running({}, { spec: more as VirtualMachine['spec'] })
  it.each<[string, FactsOverrides, string]>([
    ['no such machine', { vm: null }, 'Failed VirtualMachineNotFound'],
    ['it is off', { vm: running({}, { status: { phase: 'Stopped' } }) }, 'Failed NotApplicableForVirtualMachinePhase'],
    [
      'its host has not said yet that its last move is over',
      { vm: running({}, { status: { phase: 'Migrating' } }) },
      'InProgress WaitingForVirtualMachineToBeReadyToMigrate',
    ],
    ['always off', { vm: spec({ runPolicy: 'AlwaysOff' }) }, 'Failed NotApplicableForVirtualMachineRunPolicy'],
    [
      'safe and forced',
      { vm: spec({ liveMigrationPolicy: 'AlwaysSafe' }), operations: [move('move', { force: true })] },
      'Failed NotApplicableForLiveMigrationPolicy',
    ],
    [
      'forced and not agreed',
      { vm: spec({ liveMigrationPolicy: 'AlwaysForced' }) },
      'Failed NotApplicableForLiveMigrationPolicy',
    ],
    [
      'safe and post-copy',
      {
        vm: spec({ liveMigrationPolicy: 'AlwaysSafe' }),
        operations: [move('move', {}, { metadata: { annotations: { 'berth/migration-post-copy': 'true' } } })],
      },
      'Failed NotApplicableForLiveMigrationPolicy',
    ],
    [
      'the machine says that it cannot',
      {
        vm: running(
          {},
          {
            status: {
              phase: 'Running',
              conditions: [
                {
                  type: 'Migratable',
                  status: 'False',
                  reason: 'VirtualMachineNonMigratable',
                  message: 'a USB device',
                  lastTransitionTime: SINCE,
                },
              ],
            },
          },
        ),
      },
      'Failed OperationFailed',
    ],
    ['its host is dead', { sides: { h1: { dead: 'fenced' } } }, 'Failed OperationFailed'],
    [
      'its host is silent',
      { sides: { h1: { inSync: false } } },
      'InProgress WaitingForVirtualMachineToBeReadyToMigrate',
    ],
    ['no slot', { startSlot: () => '2 of 2' }, 'Pending MigrationPending'],
    ['no target', { choose: () => ({ node: null, message: '0/3 nodes' }) }, 'InProgress TargetUnschedulable'],
    [
      'it is where it is to go',
      { operations: [move('move', { migrate: { nodeSelector: { 'kubernetes.io/hostname': 'h1' } } })] },
      'Failed TargetUnschedulable',
    ],
    [
      'a stop comes first',
      { operations: [op, move('stop', { type: 'Stop' }, { metadata: { creationTimestamp: '2025-12-31T00:00:00Z' } })] },
      'Pending NotReadyToBeExecuted',
    ],
    [
      'a restart was asked for later',
      { operations: [op, move('restart', { type: 'Restart' })] },
      'Superseded Superseded',
    ],
  ])('%s', (_, facts, expected) => {
    expect(said(facts)).toBe(expected)
    expect(plan(facts).remember).toBeNull()
    expect(words(facts)).not.toBe('')
  })
  it('what is waited for in vain is given up after 5 minutes', () => {
    const since = (text: string) => move('move', {}, { status: { phase: 'InProgress', berth: { since: text } } })
    const choose = () => ({ node: null, message: '0/3 nodes: 3 cordoned' }) as const
    expect(said({ choose, operations: [since('2026-01-01T00:05:01Z')] })).toBe('InProgress TargetUnschedulable')
    expect(said({ choose, operations: [since('2026-01-01T00:05:00Z')] })).toBe('Failed TargetUnschedulable')
    expect(words({ choose, operations: [since('2026-01-01T00:05:00Z')] })).toBe(
      'given up after 300 s: 0/3 nodes: 3 cordoned',
    )
  })
  it('one of a machine at a time: the others wait', () => {
    const second = move('zz-second')
    const facts = { operations: [second, op] }
    expect(said(facts)).toBe('InProgress MigrationPrepareTarget')
    expect(said(facts, 'zz-second')).toBe('Pending NotReadyToBeExecuted')
  })
  it('one that was deleted before it began is nobody’s business, and an ended one is let go', () => {
    const metadata = { deletionTimestamp: SINCE, finalizers: ['berth/move'] }
    const gone = move('move', {}, { metadata })
    expect(plan({ operations: [gone] })).toMatchObject({ reports: [], release: [gone], remember: null })
  })
})
