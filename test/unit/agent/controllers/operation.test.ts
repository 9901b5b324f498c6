import { describe, expect, it } from 'vitest'
import { planOperation } from '../../../../agent/controllers/virtualmachineoperation/plan.ts'
import type { VirtualMachine, VirtualMachineOperation } from '../../../../schemas/index.ts'
import {
  type AppliedType,
  isExpired,
  refusalOf,
  supersedes,
} from '../../../../schemas/virtualmachineoperation/applies.ts'
import { anOperation, aVm } from '../../../support/objects.ts'

const vmIn = (phase: string, power: object = {}, spec: Partial<VirtualMachine['spec']> = {}): VirtualMachine =>
  aVm({ spec, status: { phase, berth: { power } } as unknown as NonNullable<VirtualMachine['status']> })

describe('when an operation applies', () => {
  const PHASES = [
    'Pending',
    'Running',
    'Degraded',
    'Stopped',
    'Stopping',
    'Starting',
    'Migrating',
    'Pause',
    'Terminating',
  ]
  const allowed = (type: AppliedType, force: boolean) =>
    PHASES.filter((phase) => refusalOf(type, force, vmIn(phase)) === null)

  it('by phase', () => {
    expect(allowed('Start', false)).toEqual(['Stopped', 'Stopping'])
    expect(allowed('Stop', false)).toEqual(['Pending', 'Running', 'Degraded', 'Starting', 'Pause'])
    expect(allowed('Stop', true)).toEqual(['Pending', 'Running', 'Degraded', 'Stopping', 'Starting', 'Pause'])
    expect(allowed('Restart', false)).toEqual(['Running', 'Degraded', 'Starting', 'Pause'])
    expect(allowed('Restart', true)).toEqual(['Running', 'Degraded', 'Stopping', 'Starting', 'Pause'])
    for (const type of ['Migrate', 'Evict'] as const)
      for (const force of [false, true]) expect(allowed(type, force)).toEqual(['Running', 'Degraded'])
  })

  it('by run policy, with words', () => {
    const of = (runPolicy: VirtualMachine['spec']['runPolicy']) =>
      (['Start', 'Stop', 'Restart', 'Migrate', 'Evict'] as const).filter((type) => {
        const vm = vmIn(type === 'Start' ? 'Stopped' : 'Running', {}, { runPolicy })
        return refusalOf(type, false, vm) === null
      })
    expect(of('AlwaysOff')).toEqual([])
    expect(of('AlwaysOn')).toEqual(['Restart', 'Migrate', 'Evict'])
    expect(of('Manual')).toEqual(['Start', 'Stop', 'Restart', 'Migrate', 'Evict'])
    expect(of('AlwaysOnUnlessStoppedManually')).toEqual(['Start', 'Stop', 'Restart', 'Migrate', 'Evict'])
    expect(refusalOf('Stop', false, vmIn('Running', {}, { runPolicy: 'AlwaysOn' }))).toEqual({
      reason: 'NotApplicableForVirtualMachineRunPolicy',
      message: 'Stop does not apply to the run policy AlwaysOn',
    })
  })

  it('a stop takes the place of a start, a forced one that of a stop, both and a restart that of a move', () => {
    const asks = [
      { type: 'Start' },
      { type: 'Stop' },
      { type: 'Stop', force: true },
      { type: 'Restart' },
      { type: 'Migrate' },
      { type: 'Evict' },
    ] as const
    const table = asks.map((newer) => asks.map((older) => supersedes(newer, older)))
    expect(table).toEqual([
      [false, false, false, false, false, false],
      [true, false, false, false, true, true],
      [true, true, false, false, true, true],
      [false, false, false, false, true, true],
      [false, false, false, false, false, false],
      [false, false, false, false, false, false],
    ])
  })
})

describe('the next step of an operation', () => {
  const stop = anOperation('stop', { type: 'Stop' })
  const inProgress = { phase: 'InProgress' as const }

  it('asks a VM that it applies to', () => {
    expect(planOperation(stop, vmIn('Running'), [])).toEqual({ do: 'ask', supersede: [] })
  })
  it('fails without the VM, naming it', () => {
    expect(planOperation(stop, null, [])).toMatchObject({
      do: 'fail',
      reason: 'VirtualMachineNotFound',
      message: expect.stringContaining('web'),
    })
  })
  it('fails where it does not apply', () => {
    expect(planOperation(stop, vmIn('Stopped'), [])).toMatchObject({
      do: 'fail',
      reason: 'NotApplicableForVirtualMachinePhase',
    })
  })
  it('waits behind another one that is under way', () => {
    const restart = anOperation('restart', { type: 'Restart' }, inProgress)
    expect(planOperation(stop, vmIn('Running'), [restart])).toMatchObject({ do: 'wait' })
  })
  it('a stop overtakes a start, whatever the phase', () => {
    const start = anOperation('start', { type: 'Start' }, inProgress)
    expect(planOperation(stop, vmIn('Stopped'), [start])).toEqual({ do: 'ask', supersede: [start] })
  })
  describe('among those that wait', () => {
    const at = (time: number, type: 'Start' | 'Stop' | 'Restart', status?: VirtualMachineOperation['status']) => {
      const operation = anOperation(`${type.toLowerCase()}-${time}`, { type }, status)
      return { ...operation, metadata: { ...operation.metadata, creationTimestamp: `2026-01-01T00:00:0${time}Z` } }
    }
    it('a stop takes the place of a start that was asked for earlier, so that the last word counts', () => {
      const start = at(1, 'Start')
      expect(planOperation(at(2, 'Stop'), vmIn('Stopped'), [start])).toEqual({ do: 'ask', supersede: [start] })
    })
    it('a stop leaves a start alone that was asked for later, or in the same second', () => {
      for (const time of [2, 3])
        expect(planOperation(at(2, 'Stop'), vmIn('Running'), [at(time, 'Start')])).toEqual({ do: 'ask', supersede: [] })
    })
    it('what takes the place of a stop under way is held up by nobody who waits for that stop', () => {
      const [patient, restart, forced] = [at(1, 'Stop', inProgress), at(2, 'Restart'), at(3, 'Stop')]
      const now = { ...forced, spec: { ...forced.spec, force: true } }
      expect(planOperation(now, vmIn('Stopping'), [patient, restart])).toEqual({ do: 'ask', supersede: [patient] })
    })
    it('each waits for those that were asked for earlier', () => {
      const [restart, stop, start] = [at(1, 'Restart'), at(2, 'Stop'), at(3, 'Start')]
      expect(planOperation(restart, vmIn('Running'), [stop, start])).toEqual({ do: 'ask', supersede: [] })
      expect(planOperation(stop, vmIn('Running'), [restart, start])).toMatchObject({
        do: 'wait',
        message: 'the operation restart-1 was asked for earlier',
      })
      expect(planOperation(start, vmIn('Stopping'), [restart, stop])).toMatchObject({ do: 'wait' })
      const ended = [restart, stop].map((one) => ({ ...one, status: { phase: 'Completed' as const } }))
      expect(planOperation(start, vmIn('Stopped'), ended)).toEqual({ do: 'ask', supersede: [] })
    })
  })
  it('killed between its own status and the request, asks again', () => {
    const started = anOperation('stop', { type: 'Stop' }, inProgress)
    expect(planOperation(started, vmIn('Running'), [])).toEqual({ do: 'ask', supersede: [] })
  })
  it('killed before the one that it overtakes was told, tells it; that one leaves the VM alone', () => {
    const start = anOperation('start', { type: 'Start' }, inProgress)
    const started = anOperation('stop', { type: 'Stop' }, inProgress)
    expect(planOperation(started, vmIn('Stopped'), [start])).toEqual({ do: 'ask', supersede: [start] })
    expect(planOperation(start, vmIn('Stopped'), [started])).toEqual({ do: 'nothing' })
  })
  it('watches while the VM works on it, then tells how it ended', () => {
    const started = anOperation('stop', { type: 'Stop' }, inProgress)
    const id = started.metadata.uid
    expect(planOperation(started, vmIn('Running', { request: { id } }), [])).toEqual({ do: 'nothing' })
    expect(planOperation(started, vmIn('Stopped', { done: { id, ok: true, message: '' } }), [])).toEqual({
      do: 'complete',
    })
    expect(planOperation(started, vmIn('Running', { done: { id, ok: false, message: 'no' } }), [])).toEqual({
      do: 'fail',
      reason: 'OperationFailed',
      message: 'no',
    })
  })
  it.each(['Completed', 'Failed', 'Superseded'] as const)('is over when %s', (phase) => {
    expect(planOperation(anOperation('stop', { type: 'Stop' }, { phase }), vmIn('Running'), [])).toEqual({
      do: 'nothing',
    })
  })
})

describe('finished operations', () => {
  const at = (name: string, time: string) => {
    const operation = anOperation(name, {})
    return { ...operation, metadata: { ...operation.metadata, creationTimestamp: time } }
  }
  const now = Date.parse('2026-02-01T00:00:00Z')
  const newer = Array.from({ length: 10 }, (_, i) => at(`n${i}`, `2026-01-20T00:00:0${i % 10}Z`))

  it('go after a day, but the newest ten of a VM stay', () => {
    const old = at('old', '2026-01-01T00:00:00Z')
    expect(isExpired(old, [old, ...newer], now)).toBe(true)
    expect(isExpired(old, [old, ...newer.slice(1)], now)).toBe(false)
    const young = at('young', '2026-01-31T12:00:00Z')
    expect(isExpired(young, [young, ...newer], now)).toBe(false)
  })
})
