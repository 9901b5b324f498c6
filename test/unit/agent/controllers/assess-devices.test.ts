import { describe, expect, it } from 'vitest'
import type { Assessment } from '../../../../agent/controllers/virtualmachine/assess.ts'
import type { Dependencies } from '../../../../agent/controllers/virtualmachine/dependencies.ts'
import type { VirtualMachineSpec } from '../../../../schemas/index.ts'
import { aVm } from '../../../support/objects.ts'
import { assess, condition, domain, ledger, look, ready, steps, told, vm } from './assess-world.ts'

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
