import { describe, expect, it } from 'vitest'
import {
  type PowerFacts,
  type PowerRecord,
  type RunPolicy,
  settle,
  stopCause,
  wantedPower,
} from '../../../../agent/controllers/virtualmachine/power.ts'

const off: PowerFacts = {
  policy: 'AlwaysOnUnlessStoppedManually',
  active: false,
  shutoff: 'unknown',
  qemuReason: null,
  rebootEndsQemu: false,
  bootId: 'b1',
  now: 1_000_000,
  runningSince: 990_000,
  brokenAt: null,
  generation: 1,
}
const on: PowerFacts = { ...off, active: true }
const ran: PowerRecord = { ran: true, bootId: 'b1' }
const POLICIES: RunPolicy[] = ['AlwaysOn', 'AlwaysOff', 'Manual', 'AlwaysOnUnlessStoppedManually']

describe('what a stop meant', () => {
  const rows: [string, PowerRecord, Partial<PowerFacts>, string][] = [
    ['QEMU said the guest reset', ran, { shutoff: 'shutdown', qemuReason: 'guest-reset' }, 'reboot'],
    [
      'QEMU said the guest powered off',
      ran,
      { shutoff: 'shutdown', qemuReason: 'guest-shutdown', rebootEndsQemu: true },
      'power-off',
    ],
    ['nobody saw it, reboots stay inside QEMU', ran, { shutoff: 'shutdown' }, 'power-off'],
    ['nobody saw it, reboots end QEMU', ran, { shutoff: 'shutdown', rebootEndsQemu: true }, 'reboot'],
    ['we asked for it', { ...ran, stopSince: 1 }, { shutoff: 'shutdown', rebootEndsQemu: true }, 'asked'],
    ['QEMU was killed', ran, { shutoff: 'crashed' }, 'crash'],
    ['somebody destroyed it', ran, { shutoff: 'destroyed' }, 'crash'],
    ['the host booted anew', ran, { shutoff: 'shutdown', bootId: 'b2' }, 'host'],
    ['libvirt forgot the run', ran, { shutoff: 'unknown' }, 'crash'],
    ['a move that broke ended it', ran, { shutoff: 'destroyed', brokenAt: 995_000 }, 'broken-move'],
    ['such a move, and libvirt forgot the run', ran, { shutoff: 'unknown', brokenAt: 990_000 }, 'broken-move'],
    ['a crash after the cold start', ran, { shutoff: 'crashed', brokenAt: 989_999 }, 'crash'],
    [
      'a crash of a cold start that was never seen to run',
      { starting: true, bootId: 'b1' },
      { shutoff: 'crashed', runningSince: null, brokenAt: 995_000 },
      'crash',
    ],
    ['a clock that was set back since', ran, { shutoff: 'crashed', brokenAt: 1_000_001 }, 'crash'],
    [
      'we asked for it before its move broke',
      { ...ran, stopSince: 1 },
      { shutoff: 'destroyed', brokenAt: 995_000 },
      'asked',
    ],
    ['killed between intent and start', { starting: true, bootId: 'b1' }, { shutoff: 'unknown' }, 'never-started'],
    [
      'killed after start, guest ended meanwhile',
      { starting: true, bootId: 'b1' },
      { shutoff: 'shutdown' },
      'power-off',
    ],
    ['start failed', { starting: true, bootId: 'b1' }, { shutoff: 'failed' }, 'never-started'],
  ]
  it.each(rows)('%s', (_title, record, facts, cause) => {
    expect(stopCause(record, { ...off, ...facts })).toBe(cause)
  })
})

describe('after the guest ended, by run policy', () => {
  const wanted = (policy: RunPolicy, facts: Partial<PowerFacts>, record: PowerRecord = ran) =>
    wantedPower(settle(record, { ...off, ...facts, policy }), policy)
  const started: PowerRecord = { ...ran, marker: 'Started', by: 'Operation' }

  it('a reset restarts under each policy but AlwaysOff', () => {
    const seen = POLICIES.map((policy) => wanted(policy, { shutoff: 'shutdown', qemuReason: 'guest-reset' }, started))
    expect(seen).toEqual(['On', 'Off', 'On', 'On'])
  })
  it('a power-off stops, except under AlwaysOn', () => {
    const seen = POLICIES.map((policy) =>
      wanted(policy, { shutoff: 'shutdown', qemuReason: 'guest-shutdown' }, started),
    )
    expect(seen).toEqual(['On', 'Off', 'Off', 'Off'])
  })
  it('a crash restarts AlwaysOn and AlwaysOnUnlessStoppedManually', () => {
    const seen = POLICIES.map((policy) => wanted(policy, { shutoff: 'crashed' }, started))
    expect(seen).toEqual(['On', 'Off', 'Off', 'On'])
  })
  it('a guest that its move has ended starts anew wherever it ran by the policy', () => {
    const seen = POLICIES.map((policy) => wanted(policy, { shutoff: 'destroyed', brokenAt: 995_000 }, started))
    expect(seen).toEqual(['On', 'Off', 'On', 'On'])
  })
  it('a host reboot leaves Manual off and honours a manual stop', () => {
    const seen = POLICIES.map((policy) => wanted(policy, { bootId: 'b2' }, started))
    expect(seen).toEqual(['On', 'Off', 'Off', 'On'])
    expect(wanted('AlwaysOnUnlessStoppedManually', { bootId: 'b2' }, { marker: 'Stopped', bootId: 'b1' })).toBe('Off')
  })
})

describe('ends that nobody asked for', () => {
  const crash = (record: PowerRecord, facts: Partial<PowerFacts> = {}) =>
    settle({ ...record, ran: true }, { ...off, shutoff: 'crashed', ...facts })

  it('are counted where the run policy starts again, until a run was stable', () => {
    const second = crash(crash(ran))
    expect(second.crashes).toEqual({ count: 2, at: off.now, generation: 1 })
    expect(crash(second, { runningSince: off.now - 300_000 }).crashes?.count).toBe(1)
    expect(crash(second, { generation: 2 }).crashes?.count).toBe(1)
    expect(crash(second, { runningSince: null }).crashes?.count).toBe(3)
  })
  it('are not counted where it does not, nor is a host reboot one', () => {
    expect(crash(ran, { policy: 'Manual' })).not.toHaveProperty('crashes')
    expect(crash(ran, { bootId: 'b2' })).not.toHaveProperty('crashes')
  })
  it('moves that broke are none, however many there are, and forgive none', () => {
    const broken = { shutoff: 'destroyed', brokenAt: 995_000 } as const
    expect(crash(crash(ran, broken), broken)).not.toHaveProperty('crashes')
    const second = crash(crash(ran))
    expect(crash(second, broken).crashes).toEqual(second.crashes)
  })
  it('settle to the same when looked at twice', () => {
    const once = crash(ran)
    expect(settle(once, { ...off, shutoff: 'crashed' })).toEqual(once)
  })
})

describe('run policy without history', () => {
  it('starts all but AlwaysOff and Manual', () => {
    expect(POLICIES.map((policy) => wantedPower({}, policy))).toEqual(['On', 'Off', 'AsIs', 'On'])
  })
  it('AlwaysOff forgets a manual stop, so that AlwaysOnUnlessStoppedManually starts again', () => {
    const stopped: PowerRecord = { marker: 'Stopped', by: 'Operation' }
    const afterOff = settle(stopped, { ...off, policy: 'AlwaysOff' })
    expect(wantedPower(afterOff, 'AlwaysOnUnlessStoppedManually')).toBe('On')
  })
})

describe('requests', () => {
  it('a stop is done when the domain is inactive and is remembered', () => {
    const asked: PowerRecord = { ...ran, stopSince: 5, request: { id: 'op', type: 'Stop', force: false } }
    expect(wantedPower(settle(asked, on), on.policy)).toBe('Off')
    const after = settle(asked, { ...off, shutoff: 'shutdown' })
    expect(after).toEqual({
      bootId: 'b1',
      marker: 'Stopped',
      by: 'Operation',
      done: { id: 'op', ok: true, message: '' },
    })
    expect(wantedPower(after, off.policy)).toBe('Off')
  })
  it('a restart stops, then starts, and is done when the new run is seen', () => {
    const asked: PowerRecord = { ...ran, request: { id: 'op', type: 'Restart', force: false, stage: 'stopping' } }
    expect(wantedPower(settle(asked, on), 'Manual')).toBe('Off')
    const between = settle({ ...asked, stopSince: 5 }, { ...off, shutoff: 'shutdown', policy: 'Manual' })
    expect(between.request?.stage).toBe('starting')
    expect(wantedPower(between, 'Manual')).toBe('On')
    expect(settle({ ...between, starting: true }, { ...on, policy: 'Manual' }).done).toEqual({
      id: 'op',
      ok: true,
      message: '',
    })
  })
  it('a start overrides an earlier stop', () => {
    const asked: PowerRecord = { marker: 'Stopped', by: 'Guest', request: { id: 'op', type: 'Start', force: false } }
    expect(wantedPower(asked, 'Manual')).toBe('On')
    expect(settle(asked, { ...on, policy: 'Manual' })).toMatchObject({
      marker: 'Started',
      done: { id: 'op', ok: true },
    })
  })
  it('settling twice changes nothing more', () => {
    const asked: PowerRecord = {
      ...ran,
      stopSince: 5,
      request: { id: 'op', type: 'Restart', force: true, stage: 'stopping' },
    }
    for (const facts of [on, { ...off, shutoff: 'destroyed' as const }]) {
      const once = settle(asked, facts)
      expect(settle(once, facts)).toEqual(once)
    }
  })
})
