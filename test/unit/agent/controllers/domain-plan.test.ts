import { describe, expect, it } from 'vitest'
import {
  bootRanks,
  buildDomainPlan,
  type Device,
  type DomainInputs,
  withoutSecrets,
} from '../../../../agent/controllers/virtualmachine/domain-plan.ts'
import { aVm, FACTS, VM_UID } from '../../../support/objects.ts'

const device = (name: string, over: Partial<Device> = {}): Device => ({
  kind: 'VirtualDisk',
  name,
  uid: `aaaaaaaa-0000-4000-8000-00000000000${name.length}`,
  volume: {
    path: `/d/${name}.qcow2`,
    format: 'qcow2',
    backing: [{ path: '/i/base', format: 'qcow2' }],
    sizeBytes: 1n,
    cdrom: false,
    readonly: false,
  },
  ...over,
})

const inputs = (over: Partial<DomainInputs> = {}): DomainInputs => ({
  vm: aVm(),
  cpu: { kind: 'model', model: 'Nehalem' },
  devices: [device('root')],
  seedPath: null,
  facts: FACTS,
  use: 'qemu',
  machineType: null,
  network: { name: 'berth', mac: '02:00:00:00:00:01' },
  paths: { nvram: '/n.fd', console: '/c.log' },
  startedAt: '2026-01-01T00:00:00.000Z',
  epoch: 0,
  ...over,
})

describe('the plan of a domain', () => {
  it('is named by namespace and name, and is the uid', () => {
    expect(buildDomainPlan(inputs())).toMatchObject({
      name: 'default.web',
      uuid: VM_UID,
      accelerator: 'qemu',
      machine: 'pc-q35-7.2',
    })
  })
  it('keeps the machine type of the first start', () => {
    expect(buildDomainPlan(inputs({ machineType: 'pc-q35-6.2' })).machine).toBe('pc-q35-6.2')
  })
  it('same input, same plan; another input, another digest', () => {
    const { digest } = buildDomainPlan(inputs()).metadata
    expect(buildDomainPlan(inputs()).metadata.digest).toBe(digest)
    expect(buildDomainPlan(inputs({ use: 'kvm' })).metadata.digest).not.toBe(digest)
  })
  it('weighs CPU by the guaranteed share, in the range of the controller', () => {
    const vm = aVm({ spec: { cpu: { cores: 2, coreFraction: '25%' } } })
    const shares = (cpuController: 'v1' | 'v2' | null) =>
      buildDomainPlan(inputs({ vm, facts: { ...FACTS, cpuController } })).cpu.shares
    expect(shares('v1')).toBe(512)
    expect(shares('v2')).toBe(20)
    expect(shares(null)).toBeUndefined()
    const big = aVm({ spec: { cpu: { cores: 248, coreFraction: '100%' } } })
    expect(buildDomainPlan(inputs({ vm: big, facts: { ...FACTS, cpuController: 'v2' } })).cpu.shares).toBe(9_920)
  })
  it('spreads cores over sockets', () => {
    const vm = aVm({ spec: { cpu: { cores: 18 } } })
    expect(buildDomainPlan(inputs({ vm })).cpu).toMatchObject({ sockets: 2, coresPerSocket: 9 })
  })
  it('takes firmware variables of its own for UEFI', () => {
    const vm = aVm({ spec: { bootloader: 'EFI' } })
    expect(buildDomainPlan(inputs({ vm })).firmware).toEqual({
      kind: 'efi',
      codePath: '/code.fd',
      varsTemplate: '/vars.fd',
      nvramPath: '/n.fd',
    })
  })
  it('gives Windows a TPM, and the Hyper-V interface where there is KVM', () => {
    const windows = aVm({ spec: { osType: 'Windows' } })
    expect(buildDomainPlan(inputs())).toMatchObject({ tpm: false, hyperV: false })
    expect(buildDomainPlan(inputs({ use: 'kvm' }))).toMatchObject({ tpm: false, hyperV: false })
    expect(buildDomainPlan(inputs({ vm: windows }))).toMatchObject({ tpm: true, hyperV: false })
    expect(buildDomainPlan(inputs({ vm: windows, use: 'kvm' }))).toMatchObject({ tpm: true, hyperV: true })
  })
  it('boots by bootOrder first, then as listed', () => {
    const [a, b, c] = [device('a'), device('bb', { bootOrder: 2 }), device('ccc', { bootOrder: 1 })]
    expect([...bootRanks([a, b, c])].map(([{ name }, rank]) => [name, rank])).toEqual([
      ['ccc', 1],
      ['bb', 2],
      ['a', 3],
    ])
  })
  it('attaches images read-only, ISO images as CD-ROM, and names every format', () => {
    const iso = device('iso', {
      kind: 'VirtualImage',
      volume: { path: '/i/x', format: 'raw', backing: [], sizeBytes: 1n, cdrom: true, readonly: true },
    })
    const { disks } = buildDomainPlan(inputs({ devices: [device('root'), iso] }))
    expect(
      disks.map(({ target, device: kind, readonly, format, discard, backing }) => ({
        target,
        kind,
        readonly,
        format,
        discard,
        backing,
      })),
    ).toEqual([
      {
        target: 'sda',
        kind: 'disk',
        readonly: false,
        format: 'qcow2',
        discard: true,
        backing: [{ path: '/i/base', format: 'qcow2' }],
      },
      { target: 'sdb', kind: 'cdrom', readonly: true, format: 'raw', discard: false, backing: [] },
    ])
  })
  it('never carries user data, only its digest', () => {
    const vm = aVm({ spec: { provisioning: { type: 'UserData', userData: 'password: hunter2' } } })
    expect(
      JSON.stringify(buildDomainPlan(inputs({ vm })), (_, v) => (typeof v === 'bigint' ? String(v) : v)),
    ).not.toContain('hunter2')
    const stripped = withoutSecrets(vm.spec).provisioning?.userData
    expect(stripped).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(
      withoutSecrets(aVm({ spec: { provisioning: { type: 'UserData', userData: 'other' } } }).spec).provisioning
        ?.userData,
    ).not.toBe(stripped)
  })
})
