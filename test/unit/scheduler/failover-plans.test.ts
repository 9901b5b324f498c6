import { describe, expect, it } from 'vitest'
import {
  type FailoverLimits,
  type HostFacts,
  type HostVerdict,
  planHosts,
} from '../../../scheduler/failover/plan-hosts.ts'
import { type MachineFacts, planMachine } from '../../../scheduler/failover/plan-machine.ts'
import { LIMITS } from './failover-limits.ts'

const NOW = 1_000_000
const DEATH = { evidence: 'fenced', since: '2026-01-01T00:00:00Z', message: 'ipmi succeeded', covers: {} } as const

const host = (name: string, silentMs: number | null, more: Partial<HostFacts> = {}): HostFacts => ({
  name,
  heardAt: silentMs === null ? null : NOW - silentMs,
  since: 0,
  evidence: [],
  death: null,
  deadForMs: null,
  fencing: { state: 'none' },
  canFence: true,
  hasCandidates: true,
  others: [],
  asked: false,
  ...more,
})
const alive = (...names: readonly string[]) => names.map((name) => host(name, 3_000))
const plan = (hosts: readonly HostFacts[], more: { since?: number; limits?: Partial<FailoverLimits> } = {}) =>
  planHosts({ now: NOW, since: more.since ?? 0, hosts, limits: { ...LIMITS, ...more.limits } })
const inShort = (verdict: HostVerdict | undefined): string =>
  [
    verdict?.condition?.reason ?? 'heard',
    ...(verdict?.fence ? ['fence'] : []),
    ...(verdict?.death === null || verdict?.death === undefined
      ? []
      : [verdict.death === 'back' ? 'back' : `dead by ${verdict.death.evidence}`]),
  ].join(', ')

describe('a host', () => {
  const watchdog = [{ kind: 'watchdog', seconds: 10 } as const]
  const timeout = [{ kind: 'timeout', seconds: 5 } as const]
  it.each<[string, HostFacts, string, Parameters<typeof plan>[1]?]>([
    ['is heard', host('h1', 14_999), 'heard'],
    ['is heard to the last moment of its lease', host('h1', 15_000), 'heard'],
    ['is silent', host('h1', 15_001), 'Silent'],
    ['is fenced after a grace', host('h1', 21_000), 'FencingInProgress, fence'],
    ['is being fenced', host('h1', 30_000, { fencing: { state: 'running', since: NOW - 5_000 } }), 'FencingInProgress'],
    [
      'was fenced',
      host('h1', 30_000, { fencing: { state: 'done', since: 0, message: 'ok' } }),
      'Fenced, dead by fenced',
    ],
    [
      'could not be fenced',
      host('h1', 60_000, { fencing: { state: 'failed', at: NOW - 1_000, message: 'no' } }),
      'FencingFailed',
    ],
    [
      'is fenced again later',
      host('h1', 60_000, { fencing: { state: 'failed', at: NOW - 30_000, message: 'no' } }),
      'FencingFailed, fence',
    ],
    ['is not fenced while others run there', host('h1', 60_000, { others: ['default/db'] }), 'OthersRunThere'],
    [
      'is fenced although others run there, as somebody asked for it',
      host('h1', 60_000, { others: ['default/db'], asked: true }),
      'FencingInProgress, fence',
    ],
    [
      'is fenced although others run there, as it is configured',
      host('h1', 60_000, { others: ['default/db'] }),
      'FencingInProgress, fence',
      { limits: { spareOthers: false } },
    ],
    [
      'is not fenced again when others are found there',
      host('h1', 60_000, { others: ['default/db'], fencing: { state: 'failed', at: NOW - 30_000, message: 'no' } }),
      'OthersRunThere',
    ],
    [
      'is spared, and waits for its watchdog',
      host('h1', 20_000, { others: ['default/db'], evidence: watchdog }),
      'Silent',
    ],
    [
      'is spared, and its watchdog ran out',
      host('h1', 27_000, { others: ['default/db'], evidence: watchdog }),
      'WatchdogExpired, dead by watchdog',
    ],
    [
      'is fenced with no machine that would go elsewhere, as somebody asked for it',
      host('h1', 60_000, { hasCandidates: false, asked: true }),
      'FencingInProgress, fence',
    ],
    ['is asked to be fenced and is heard', host('h1', 3_000, { asked: true }), 'heard'],
    [
      'was never heard by this scheduler, which knows of its watchdog and waits',
      host('h1', null, { canFence: false, evidence: watchdog }),
      'Silent',
      { since: NOW - 34_999 },
    ],
    [
      'was never heard by this scheduler, which knows of its watchdog and has waited',
      host('h1', null, { canFence: false, evidence: watchdog }),
      'WatchdogExpired, dead by watchdog',
      { since: NOW - 35_000 },
    ],
    [
      'was never heard by this scheduler, and its watchdog takes longer than that',
      host('h1', null, { canFence: false, evidence: [{ kind: 'watchdog', seconds: 60 }] }),
      'Silent',
      { since: NOW - 76_999 },
    ],
    ['is not fenced without a machine that would go elsewhere', host('h1', 60_000, { hasCandidates: false }), 'Silent'],
    ['has nothing that shows it dead', host('h1', 60_000, { canFence: false }), 'NoEvidence'],
    ['has a watchdog that runs', host('h1', 26_999, { canFence: false, evidence: watchdog }), 'Silent'],
    [
      'has a watchdog that ran out',
      host('h1', 27_000, { canFence: false, evidence: watchdog }),
      'WatchdogExpired, dead by watchdog',
    ],
    ['has a timeout, which does not count', host('h1', 60_000, { canFence: false, evidence: timeout }), 'NoEvidence'],
    [
      'has a timeout, which counts',
      host('h1', 22_000, { canFence: false, evidence: timeout }),
      'TimeoutExpired, dead by timeout',
      { limits: { timeoutCounts: true } },
    ],
    [
      'shows the stronger evidence',
      host('h1', 60_000, { evidence: [...timeout, ...watchdog] }),
      'WatchdogExpired, dead by watchdog',
      { limits: { timeoutCounts: true } },
    ],
    ['is known dead', host('h1', 60_000, { death: DEATH, deadForMs: 1 }), 'Fenced'],
    ['was dead and is heard', host('h1', 1_000, { death: DEATH, deadForMs: 1 }), 'heard, back'],
    ['was never heard by this scheduler, which has just begun', host('h1', null), 'Silent', { since: NOW - 34_999 }],
    [
      'was never heard by this scheduler, which has waited',
      host('h1', null),
      'FencingInProgress, fence',
      { since: NOW - 35_000 },
    ],
    ['has just joined, and was not heard yet', host('h1', null, { since: NOW - 15_000 }), 'heard'],
    ['has joined and was never heard', host('h1', null, { since: NOW - 30_000 }), 'FencingInProgress, fence'],
    [
      'was fenced by an order of this scheduler before it had waited',
      host('h1', null, { fencing: { state: 'done', since: 0, message: 'ok' } }),
      'Silent',
      { since: NOW - 34_000 },
    ],
  ])('%s', (_, facts, expected, more) => {
    const { verdicts } = plan([facts, ...alive('h2', 'h3')], more)
    expect(inShort(verdicts[0])).toBe(expected)
    expect(verdicts[0]?.condition?.message).not.toBe('')
  })
})

describe('more than half of the hosts lost at once', () => {
  const lost = (name: string, more: Partial<HostFacts> = {}) =>
    host(name, 60_000, { fencing: { state: 'done', since: 0, message: 'ok' }, ...more })
  it.each<[string, readonly HostFacts[], boolean]>([
    ['one of two', [lost('h1'), ...alive('h2')], false],
    ['two of three', [lost('h1'), lost('h2'), ...alive('h3')], true],
    ['two of four', [lost('h1'), lost('h2'), ...alive('h3', 'h4')], false],
    ['three of four', [lost('h1'), lost('h2'), lost('h3'), ...alive('h4')], true],
    ['the only one', [lost('h1')], true],
    [
      'one after another within minutes',
      [lost('h1', { death: DEATH, deadForMs: 60_000 }), lost('h2'), ...alive('h3')],
      true,
    ],
    [
      'one today and one last week',
      [lost('h1', { death: DEATH, deadForMs: 600_000_000 }), lost('h2'), ...alive('h3')],
      false,
    ],
  ])('%s', (_, hosts, expected) => {
    const { frozen, verdicts } = plan(hosts)
    expect(frozen !== null).toBe(expected)
    const newly = verdicts.filter(({ death }) => death !== null && death !== 'back')
    expect(newly.length > 0).toBe(!expected)
    if (expected) expect(verdicts.some(({ condition }) => condition?.reason === 'FailoverFrozen')).toBe(true)
  })
  it('names the machines that it spares, and says of a watchdog what it covers', () => {
    const others = ['a/1', 'a/2', 'a/3', 'a/4', 'a/5', 'a/6']
    const [verdict] = plan([host('h1', 60_000, { others }), ...alive('h2', 'h3')]).verdicts
    expect(verdict?.condition?.message).toMatch(
      /not for failover: a\/1, a\/2, a\/3, a\/4, a\/5 and 1 more; to power it off all the same: kubectl annotate node h1 berth\/fence=requested$/,
    )
    const death = (whole: boolean) =>
      plan([host('h1', 60_000, { evidence: [{ kind: 'watchdog', seconds: 10, whole }] }), ...alive('h2', 'h3')])
        .verdicts[0]?.death
    expect([death(true), death(false)]).toMatchObject([{ whole: true }, { evidence: 'watchdog' }])
    expect(death(false)).not.toHaveProperty('whole')
  })
  it('words do not change from one second to the next: they are stored', () => {
    const of = (silentMs: number) =>
      plan([host('h1', silentMs, { canFence: false }), ...alive('h2', 'h3')]).verdicts[0]?.condition
    expect(of(60_000)).toEqual(of(61_000))
  })
})

describe('a machine', () => {
  const facts = (more: Partial<MachineFacts> = {}): MachineFacts => ({
    node: 'h1',
    silence: 'its lease ran out',
    death: DEATH,
    covered: true,
    enabled: true,
    localDisks: [],
    wanted: true,
    moving: false,
    failedOver: false,
    choose: () => ({ node: 'h2' }),
    ...more,
  })
  it.each<[string, Partial<MachineFacts>, string]>([
    ['of a dead host', {}, 'fail-over FailedOver'],
    ['whose host is not known dead', { death: null }, 'say WaitingForEvidence'],
    ['of which the host had not said that it asks first', { covered: false }, 'say WaitingForEvidence'],
    [
      'of which the host had not said that it ends',
      { covered: false, death: { ...DEATH, evidence: 'timeout' } },
      'say WaitingForEvidence',
    ],
    ['that has no annotation', { enabled: false }, 'say WaitingForHost'],
    ['with a disk of its host', { localDisks: ['root'] }, 'say WaitingForHost'],
    ['that is not to run', { wanted: false }, 'say WaitingForHost'],
    ['that is being moved', { moving: true }, 'nothing'],
    ['that no host can take', { choose: () => ({ node: null, message: '0/2 nodes' }) }, 'say WaitingForPlace'],
    ['of a host that is heard', { silence: null, death: null }, 'say'],
    ['that was failed over to a host that is heard', { silence: null, death: null, failedOver: true }, 'nothing'],
    ['that was failed over to a host that died as well', { failedOver: true }, 'fail-over FailedOver'],
  ])('%s', (_, more, expected) => {
    const step = planMachine(facts(more))
    const reason = 'condition' in step ? step.condition?.reason : undefined
    expect([step.do, ...(reason === undefined ? [] : [reason])].join(' ')).toBe(expected)
  })
  it('says what it waits for, and by what evidence it went', () => {
    const words = (more: Partial<MachineFacts>) => {
      const step = planMachine(facts(more))
      return 'condition' in step ? step.condition?.message : undefined
    }
    expect(words({ localDisks: ['root', 'data'] })).toBe(
      'h1: its lease ran out; the machine waits for the host: its disks root, data are on that host alone',
    )
    expect(words({})).toBe('from h1 to h2; evidence that h1 is dead: fenced (ipmi succeeded)')
  })
})
