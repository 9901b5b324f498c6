import { describe, expect, it } from 'vitest'
import type { Look } from '../../../../agent/controllers/virtualmachine/assess.ts'
import { assess as assessOn } from '../../../../agent/controllers/virtualmachine/assess.ts'
import type { Dependencies } from '../../../../agent/controllers/virtualmachine/dependencies.ts'
import { Ledger } from '../../../../agent/controllers/virtualmachine/ledger.ts'
import type { DomainView } from '../../../../agent/controllers/virtualmachine/observe.ts'
import { berthOf } from '../../../../agent/controllers/virtualmachine/status.ts'
import type { VirtualMachine } from '../../../../schemas/index.ts'
import { aVm, VM_UID } from '../../../support/objects.ts'
import { assess, condition, domain, ledger, look, NOW, ready, steps, told, turns, vm } from './assess-world.ts'

describe('a VM that is to start', () => {
  it('stores the intent with the phase Starting, then starts', () => {
    const seen = assess(vm, undefined, look(), ledger())
    expect(steps(seen)).toEqual(['define-and-start'])
    expect(seen.status.phase).toBe('Starting')
    expect(seen.berth.power).toMatchObject({ starting: true, bootId: 'boot-1' })
    expect(seen.berth.machineType).toBe('pc-q35-7.2')
  })

  it('that came from another host goes on with its run and its address', () => {
    const came = {
      berth: { power: {}, machineType: 'pc-q35-7.2', times: { start: 1, running: 1_000 }, carried: '10.88.0.7' },
    }
    const running = look({ view: domain('running', vm.spec), ipAddress: '10.88.0.7' })
    const seen = assess(vm, came as never, running, ledger())
    expect(seen.status.stats?.lastStartTime).toBe('1970-01-01T00:00:01Z')
    expect(seen.status.ipAddress).toBe('10.88.0.7')
    expect(seen.berth).toMatchObject({ address: '10.88.0.7', carried: '10.88.0.7' })
    expect(condition(seen, 'VirtualMachineIPAddressReady')).toBeUndefined()
    const taken = assess(vm, came as never, { ...running, ipAddress: null, addressProblem: 'it is taken' }, ledger())
    expect(condition(taken, 'VirtualMachineIPAddressReady')).toMatchObject({ status: 'False', message: 'it is taken' })
  })

  it('runs: the intent is cleared, the durations are told', () => {
    const started = assess(vm, undefined, look(), ledger())
    const seen = assess(
      vm,
      told(started),
      look({ view: domain('running', vm.spec), now: NOW + 1_500, ipAddress: '10.0.0.2' }),
      ledger(),
    )
    expect(steps(seen)).toEqual([])
    expect(seen.status).toMatchObject({ phase: 'Running', nodeName: 'h1', ipAddress: '10.0.0.2' })
    expect(seen.berth.power.starting).toBeUndefined()
    expect(seen.status.stats?.launchTimeDuration).toEqual({
      waitingForDependencies: '0s',
      virtualMachineStarting: '1.5s',
    })
    expect(seen.status.stats?.phasesTransitions?.map(({ phase }) => phase)).toEqual(['Starting', 'Running'])
    expect(condition(seen, 'Running')).toMatchObject({ status: 'True', reason: 'Running' })
    expect(seen.status.blockDeviceRefs).toEqual([
      { kind: 'VirtualDisk', name: 'root', size: '1Gi', attached: true, target: 'sda' },
    ])
  })

  const missing: [string, Partial<Dependencies>, string, string][] = [
    ['its class', { classProblem: 'no class x', cpu: null }, 'VirtualMachineClassReady', 'VirtualMachineClassNotReady'],
    ['a disk', { devicesProblem: 'no disk y' }, 'BlockDevicesReady', 'BlockDevicesNotReady'],
    ['its user data', { provisioningProblem: 'no secret z' }, 'ProvisioningReady', 'ProvisioningNotReady'],
    [
      'a fitting size',
      { sizingProblem: { reason: 'SizingPolicyNotMatched', message: 'too big' } },
      'SizingPolicyMatched',
      'SizingPolicyNotMatched',
    ],
    ['an accelerator', { hostProblem: 'KVM is not usable' }, 'Running', 'PodNotStarted'],
    ['a place', { placementProblem: 'wrong node' }, 'Running', 'PodNotStarted'],
    ['something to boot from', { bootProblem: 'no ISO' }, 'Running', 'NoBootableDevice'],
  ]
  it.each(missing)('waits for %s and says so', (_title, problem, type, reason) => {
    const seen = assess(vm, undefined, look({ dependencies: { ...ready, ...problem } }), ledger())
    expect(steps(seen)).toEqual([])
    expect(seen.status.phase).toBe('Pending')
    expect(condition(seen, type)).toMatchObject({ status: 'False', reason })
    expect(condition(seen, type)?.message).not.toBe('')
    expect(condition(seen, 'Running')?.status).toBe('False')
  })

  it('waits for its turn, and holds nothing meanwhile', () => {
    const ledger = new Ledger({ milliCores: 4_000, memoryBytes: 1n << 40n })
    const seen = assessOn(vm, undefined, look(), { ledger, turns: { ...turns, ask: () => 12 } })
    expect(condition(seen, 'Running')).toMatchObject({
      status: 'False',
      reason: 'PodNotStarted',
      message: 'waits for its turn: 12 before it',
    })
    expect([seen.status.phase, seen.steps, ledger.used().milliCores]).toEqual(['Pending', [], 0])
  })

  it('waits for capacity with numbers, and holds nothing meanwhile', () => {
    const full = ledger()
    full.record('other', { vm: 'default/other', milliCores: 4_000, memoryBytes: 0n, disks: [] })
    const seen = assess(vm, undefined, look(), full)
    expect(seen.waits?.why).toBe('needs 1 cores, 0 of 4 are free')
    expect(seen.status.phase).toBe('Pending')
    expect(condition(seen, 'Running')?.message).toBe('needs 1 cores, 0 of 4 are free')
    expect(full.used().milliCores).toBe(4_000)
  })

  it('says why a start failed, and gives back what it held', () => {
    const held = ledger()
    const started = assess(vm, undefined, look(), held)
    const seen = assess(vm, told(started), look({ failure: 'no space left', view: domain('shutoff', vm.spec) }), held)
    expect(seen.status.phase).toBe('Pending')
    expect(condition(seen, 'Running')).toMatchObject({
      reason: 'InternalVirtualMachineError',
      message: 'no space left',
    })
    expect(held.used().milliCores).toBe(0)
    expect(steps(assess(vm, told(seen), look({ view: domain('shutoff', vm.spec) }), held))).toEqual([
      'define-and-start',
    ])
  })
})

describe('changes of a running VM', () => {
  const bigger = aVm({ spec: { cpu: { cores: 2, coreFraction: '100%' } } })
  const view = domain('running', vm.spec)

  it('wait for a restart, are listed, and make a guest reboot end QEMU', () => {
    const seen = assess(bigger, undefined, look({ view }), ledger())
    expect(seen.status.restartAwaitingChanges).toEqual([
      { path: 'cpu.cores', operation: 'replace', currentValue: 1, desiredValue: 2 },
    ])
    expect(condition(seen, 'AwaitingRestartToApplyConfiguration')).toMatchObject({
      status: 'True',
      reason: 'ChangesPendingRestart',
    })
    expect(seen.steps).toEqual([{ do: 'set-on-reboot', action: 'destroy' }])
    expect(seen.status.resources?.cpu?.cores).toBe(1)
  })
  it('taken back, nothing waits and reboots stay inside QEMU', () => {
    const waiting = domain('running', vm.spec, { observed: { ...view.observed, onReboot: 'destroy' } })
    const seen = assess(vm, undefined, look({ view: waiting }), ledger())
    expect(seen.status.restartAwaitingChanges).toEqual([])
    expect(seen.steps).toEqual([{ do: 'set-on-reboot', action: 'restart' }])
  })
  it('with automatic approval are restarted for at once', () => {
    const automatic = aVm({ spec: { ...bigger.spec, disruptions: { restartApprovalMode: 'Automatic' } } })
    const stopping = assess(automatic, undefined, look({ view }), ledger())
    expect(steps(stopping)).toEqual(['shutdown', 'wait'])
    expect(stopping.status.phase).toBe('Stopping')
    const off = assess(
      automatic,
      told(stopping),
      look({ view: domain('shutoff', vm.spec, { shutoff: 'shutdown' }) }),
      ledger(),
    )
    expect(steps(off)).toEqual(['define-and-start'])
  })
})

describe('the end of a VM', () => {
  it('a power-off from inside stops it and says so', () => {
    const ran = assess(vm, undefined, look({ view: domain('running', vm.spec) }), ledger())
    const off = domain('shutoff', vm.spec, { shutoff: 'shutdown' })
    const seen = assess(vm, told(ran), look({ view: off, qemuReason: 'guest-shutdown' }), ledger())
    expect(seen.status.phase).toBe('Stopped')
    expect(condition(seen, 'Running')).toMatchObject({
      reason: 'NotRunning',
      message: 'powered off from inside the guest',
    })
    expect(steps(seen)).toEqual(['record-stop'])
  })
  it('one that is gone from under the agent has crashed, but not when it has gone to another host', () => {
    const ran = told(assess(vm, undefined, look({ view: domain('running', vm.spec) }), ledger()))
    expect(assess(vm, ran, look(), ledger()).ended?.cause).toBe('crash')
    expect(assess(vm, ran, look({ released: true }), ledger()).ended).toBeNull()
  })
  it('ended by its move, it starts anew at once, however often it crashed before', () => {
    const ran = told(assess(vm, undefined, look({ view: domain('running', vm.spec) }), ledger()))
    const crashes = { count: 9, at: NOW - 301_000, generation: 1 }
    const before = { ...ran, berth: { ...berthOf(ran), power: { ...berthOf(ran).power, crashes } } } as typeof ran
    const off = domain('shutoff', vm.spec, { shutoff: 'destroyed' })
    const seen = (over: Partial<Look>) => assess(vm, before, look({ view: off, ...over }), ledger())
    expect(seen({ brokenAt: NOW }).ended?.cause).toBe('broken-move')
    expect(steps(seen({ brokenAt: NOW }))).toEqual(['define-and-start'])
    expect(seen({}).waits?.why).toMatch(/^QEMU ended unexpectedly 10 times/)
  })
  it('deleted, it is stopped with patience, then undefined, then cleaned up', () => {
    const gone = aVm({ metadata: { deletionTimestamp: '2026-01-01T00:00:30Z' } })
    const first = assess(gone, undefined, look({ view: domain('running', vm.spec) }), ledger())
    expect(first.status.phase).toBe('Terminating')
    expect(steps(first)).toEqual(['shutdown', 'wait'])
    const late = look({ view: domain('running', vm.spec), now: NOW + 61_000 })
    expect(steps(assess(gone, told(first), late, ledger()))).toEqual(['destroy'])
    expect(steps(assess(gone, told(first), look({ view: domain('shutoff', vm.spec) }), ledger()))).toEqual([
      'undefine',
      'clean-up',
    ])
  })
  it('killed midway of a stop, the deadline goes on from when it was asked', () => {
    const off = aVm({ spec: { runPolicy: 'AlwaysOff' } })
    const asked = assess(off, undefined, look({ view: domain('running', vm.spec) }), ledger())
    expect(asked.berth.power.stopSince).toBe(NOW)
    const next = look({ view: domain('running', vm.spec), now: NOW + 60_000 })
    expect(steps(assess(off, told(asked), next, ledger()))).toEqual(['destroy'])
  })
})

describe('what a rebuilt or older database must find', () => {
  it('a domain that is off says whether it was stopped by hand, once', () => {
    const stopped = { berth: { power: { marker: 'Stopped', by: 'Operation' } } } as VirtualMachine['status']
    const off = domain('shutoff', vm.spec, { shutoff: 'shutdown' })
    const seen = assess(vm, stopped, look({ view: off }), ledger())
    expect(seen.steps).toMatchObject([{ do: 'record-stop', metadata: { uid: VM_UID, stoppedManually: true } }])
    const said = { ...off.observed.metadata, stoppedManually: true } as NonNullable<DomainView['observed']['metadata']>
    const view = { ...off, observed: { ...off.observed, metadata: said } }
    expect(steps(assess(vm, stopped, look({ view }), ledger()))).toEqual([])
  })
  it('a guest that runs by a newer spec keeps its devices, is not restarted for the older one, and says so', () => {
    const older = aVm({
      spec: { blockDeviceRefs: [], memory: { size: '2Gi' }, disruptions: { restartApprovalMode: 'Automatic' } },
    })
    const running = domain('running', vm.spec)
    const metadata = { ...running.observed.metadata, generation: 7 } as NonNullable<DomainView['observed']['metadata']>
    const view = { ...running, observed: { ...running.observed, metadata } }
    const seen = assess(older, undefined, look({ view }), ledger())
    expect(steps(seen).filter((step) => step !== 'set-on-reboot')).toEqual([])
    expect(seen.berth.power.request).toBeUndefined()
    expect(condition(seen, 'ConfigurationApplied')?.message).toMatch(/newer spec than this database has/)
  })
})
