import { describe, expect, it } from 'vitest'
import { type Assessment, assess as assessOn, type Look } from '../../../../agent/controllers/virtualmachine/assess.ts'
import type { Dependencies } from '../../../../agent/controllers/virtualmachine/dependencies.ts'
import { Ledger } from '../../../../agent/controllers/virtualmachine/ledger.ts'
import type { DomainView } from '../../../../agent/controllers/virtualmachine/observe.ts'
import { berthOf } from '../../../../agent/controllers/virtualmachine/status.ts'
import { toBytes } from '../../../../lib/quantity.ts'
import type { VirtualMachine, VirtualMachineSpec } from '../../../../schemas/index.ts'
import { aVm, FACTS, VM_UID } from '../../../support/objects.ts'

const ROOT_UID = '22222222-2222-4333-8444-555555555555'
const NOW = Date.parse('2026-01-01T00:01:00Z')

const ready: Dependencies = {
  coreFraction: '100%',
  priority: 0,
  cpu: { kind: 'model', model: 'Nehalem' },
  classProblem: null,
  sizingProblem: null,
  devices: [
    {
      kind: 'VirtualDisk',
      name: 'root',
      uid: ROOT_UID,
      volume: {
        path: '/d/root.qcow2',
        format: 'qcow2',
        backing: [],
        sizeBytes: 1_073_741_824n,
        cdrom: false,
        readonly: false,
      },
    },
  ],
  devicesProblem: null,
  known: [{ kind: 'VirtualDisk', name: 'root', uid: ROOT_UID, sizeBytes: 1_073_741_824n }],
  bootProblem: null,
  userData: null,
  provisioningProblem: null,
  hostProblem: null,
  placementProblem: null,
  bindingProblem: null,
}

const turns = { ask: (): number | null => null, started: () => undefined, release: () => undefined }
const assess = (vm: VirtualMachine, before: Assessment['status'] | undefined, look: Look, ledger: Ledger) =>
  assessOn(vm, before, look, { ledger, turns })

const look = (over: Partial<Look> = {}): Look => ({
  released: false,
  epoch: 0,
  view: null,
  dependencies: ready,
  facts: FACTS,
  qemuReason: null,
  brokenAt: null,
  lastSignal: null,
  lastResume: null,
  loose: [],
  silent: false,
  attempts: new Map(),
  failure: null,
  ipAddress: null,
  addressProblem: null,
  mac: '02:00:00:00:00:01',
  guest: null,
  now: NOW,
  ...over,
})

function domain(state: DomainView['state'], applied: VirtualMachineSpec, over: Partial<DomainView> = {}): DomainView {
  const metadata = {
    namespace: 'default',
    name: 'web',
    uid: VM_UID,
    epoch: 0,
    generation: 1,
    specJson: JSON.stringify(applied),
    digest: '',
    stoppedManually: false,
  }
  const disk = {
    target: 'sda',
    bus: 'scsi',
    device: 'disk',
    path: '/d/root.qcow2',
    alias: `ua-${ROOT_UID}`,
    readonly: false,
    backing: [],
  }
  return {
    state,
    shutoff: 'unknown',
    pause: null,
    persistent: true,
    ...over,
    observed: {
      name: 'default.web',
      uuid: VM_UID,
      type: 'qemu',
      machine: 'pc-q35-7.2',
      memoryBytes: toBytes(applied.memory.size),
      currentMemoryBytes: toBytes(applied.memory.size),
      vcpus: applied.cpu.cores,
      currentVcpus: applied.cpu.cores,
      firmware: 'bios',
      onReboot: 'restart',
      disks: [disk],
      nics: [],
      immovable: [],
      metadata,
      ...over.observed,
    },
  }
}

const ledger = () => new Ledger({ milliCores: 4_000, memoryBytes: 8n * 1024n ** 3n })
const condition = ({ status }: Assessment, type: string) => status.conditions?.find((one) => one.type === type)
const steps = (assessment: Assessment) => assessment.steps.map((step) => step.do)
const vm = aVm()
const told = (assessment: Assessment): VirtualMachine['status'] => assessment.status

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

describe('block devices of a VM that runs', () => {
  const DATA_UID = '33333333-2222-4333-8444-555555555555'
  const refs = (...names: readonly string[]) => names.map((name) => ({ kind: 'VirtualDisk' as const, name }))
  const both = aVm({ spec: { blockDeviceRefs: refs('root', 'data') } })
  const [root] = ready.devices
  if (root === undefined) throw new Error('there is a root disk')
  const data = { ...root, name: 'data', uid: DATA_UID, volume: { ...root.volume, path: '/d/data.qcow2' } }
  const knownData = { kind: 'VirtualDisk', name: 'data', uid: DATA_UID, sizeBytes: 1_048_576n } as const
  const withData: Dependencies = { ...ready, devices: [root, data], known: [...ready.known, knownData] }
  const dropped: Dependencies = { ...ready, known: [...ready.known, knownData] }
  const plain = domain('running', vm.spec)
  const [rootDisk] = plain.observed.disks
  const dataDisk = {
    target: 'sdb',
    bus: 'scsi',
    device: 'disk',
    path: '/d/data.qcow2',
    alias: `ua-hot-${DATA_UID}`,
    bootOrder: 2,
    readonly: false,
    backing: [],
  }
  const disks = [{ ...rootDisk, bootOrder: 1 } as typeof dataDisk, dataDisk]
  const seeing = (applied: VirtualMachineSpec) =>
    domain('running', applied, { observed: { ...domain('running', applied).observed, disks } })
  const applied = (assessment: Assessment) => {
    const step = assessment.steps.find((one) => one.do === 'record-devices')
    return step?.do === 'record-devices' ? (JSON.parse(step.metadata.specJson) as VirtualMachineSpec) : null
  }

  it('an added one has its place in the status before it is attached, and its disk is taken', () => {
    const held = ledger()
    const seen = assess(both, undefined, look({ view: plain, dependencies: withData }), held)
    expect(seen.steps).toMatchObject([{ do: 'attach-device', disk: { target: 'sdb', path: '/d/data.qcow2' } }])
    expect(seen.status.blockDeviceRefs?.[1]).toEqual({
      kind: 'VirtualDisk',
      name: 'data',
      size: '1Mi',
      attached: false,
      target: 'sdb',
    })
    expect(condition(seen, 'ConfigurationApplied')).toMatchObject({
      status: 'False',
      message: 'VirtualDisk data is being attached',
    })
    expect(condition(seen, 'AwaitingRestartToApplyConfiguration')?.status).toBe('False')
    expect(seen.status).toMatchObject({ phase: 'Running', restartAwaitingChanges: [] })
    expect(held.diskHolder('/d/data.qcow2', 'other')).toBe('default/web')
  })
  it('attached, it is written into the domain; then all is at rest', () => {
    const seen = assess(both, undefined, look({ view: seeing(vm.spec), dependencies: withData }), ledger())
    expect(steps(seen)).toEqual(['record-devices'])
    expect(applied(seen)).toEqual({ ...vm.spec, blockDeviceRefs: refs('root', 'data') })
    expect(seen.status.blockDeviceRefs?.[1]).toMatchObject({ attached: true, hotplugged: true, target: 'sdb' })
    const rest = assess(both, undefined, look({ view: seeing(both.spec), dependencies: withData }), ledger())
    expect(rest.steps).toEqual([])
    expect(condition(rest, 'ConfigurationApplied')).toMatchObject({ status: 'True', message: '' })
  })
  it('a removed one is detached, and counts until it is gone', () => {
    const held = ledger()
    const seen = assess(vm, undefined, look({ view: seeing(both.spec), dependencies: dropped }), held)
    expect(seen.steps).toMatchObject([{ do: 'detach-device', alias: `ua-hot-${DATA_UID}` }])
    expect(seen.status.blockDeviceRefs?.[1]).toMatchObject({ name: 'data', attached: true, size: '1Mi' })
    expect(held.diskHolder('/d/data.qcow2', 'other')).toBe('default/web')
    const gone = assess(vm, told(seen), look({ view: domain('running', both.spec) }), held)
    expect(applied(gone)?.blockDeviceRefs).toEqual(refs('root'))
    expect(held.diskHolder('/d/data.qcow2', 'other')).toBeNull()
  })
  it('one that was attached by a killed agent and is no longer wanted goes', () => {
    const seen = assess(vm, undefined, look({ view: seeing(vm.spec), dependencies: dropped }), ledger())
    expect(steps(seen)).toEqual(['detach-device', 'record-devices'])
  })
  it('a disk that another VM took at the same moment is refused in words', () => {
    const held = ledger()
    held.record('other', { vm: 'default/db', milliCores: 0, memoryBytes: 0n, disks: ['/d/data.qcow2'] })
    const seen = assess(both, undefined, look({ view: plain, dependencies: withData }), held)
    expect(seen.steps).toEqual([])
    expect(condition(seen, 'BlockDevicesReady')).toMatchObject({
      status: 'False',
      message: 'VirtualDisk data is in use by the virtual machine default/db',
    })
  })
  it('one in the place of another one waits for the restart', () => {
    const swapped = aVm({ spec: { blockDeviceRefs: refs('root', 'new') } })
    const seen = assess(swapped, undefined, look({ view: seeing(both.spec), dependencies: dropped }), ledger())
    expect(seen.steps).toEqual([{ do: 'set-on-reboot', action: 'destroy' }])
    expect(seen.status.restartAwaitingChanges).toMatchObject([{ path: 'blockDeviceRefs.1', operation: 'replace' }])
  })
  it('another boot order is there after a reboot from inside, and no restart is asked for', () => {
    const turned = aVm({ spec: { blockDeviceRefs: refs('data', 'root') } })
    const seen = assess(turned, undefined, look({ view: seeing(turned.spec), dependencies: withData }), ledger())
    expect(seen.steps).toEqual([{ do: 'set-on-reboot', action: 'destroy' }])
    expect(seen.status.restartAwaitingChanges).toEqual([])
  })
  it('so is a machine without its cloud-init disk', () => {
    const seed = { ...dataDisk, alias: 'ua-seed', target: 'sdz', readonly: true }
    const observed = { ...plain.observed, disks: [...plain.observed.disks, seed] }
    const seen = assess(vm, undefined, look({ view: domain('running', vm.spec, { observed }) }), ledger())
    expect(seen.steps).toEqual([{ do: 'set-on-reboot', action: 'destroy' }])
  })
  it('a machine on its way down is left alone', () => {
    const off = aVm({ spec: { ...both.spec, runPolicy: 'AlwaysOff' } })
    const seen = assess(off, undefined, look({ view: plain, dependencies: withData }), ledger())
    expect(steps(seen)).toEqual(['shutdown', 'wait'])
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
