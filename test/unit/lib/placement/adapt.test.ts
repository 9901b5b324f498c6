import { describe, expect, it } from 'vitest'
import { diskFactsOf, nodeFactsOf, vmFactsOf } from '../../../../lib/placement/index.ts'
import {
  type Node,
  nodeImage,
  storedClass,
  TPM_CONDITION,
  type VirtualDisk,
  type VirtualMachine,
  type VirtualMachineClass,
} from '../../../../schemas/index.ts'
import { metadata, virtualDisk, virtualMachine, virtualMachineClass } from '../../schemas/samples.ts'

type Ready = { readonly status: 'True' | 'False' | 'Unknown'; readonly reason: string; readonly message?: string }

const node = (ready: Ready | null, more: Partial<Node> = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: metadata('h1', { labels: { a: 'b', 'host-model-cpu.node.virtualization.deckhouse.io/Skylake': 'true' } }),
  status: {
    allocatable: { cpu: '7500m', memory: '1000Ki' },
    conditions:
      ready === null ? [] : [{ type: 'Ready', message: '', lastTransitionTime: '2026-01-01T00:00:00Z', ...ready }],
  },
  ...more,
})
const kvm = node({ status: 'True', reason: 'AgentReady' })

describe('facts of a host', () => {
  it('are what its Node says', () => {
    expect(nodeFactsOf(kvm)).toMatchObject({
      name: 'h1',
      milliCpu: 7500,
      memoryBytes: 1_024_000,
      notReady: null,
      accelerator: 'kvm',
      tpm: false,
      unschedulable: false,
      storageClasses: null,
    })
  })

  it.each<[string, Ready | null, string | null, 'kvm' | 'qemu' | null]>([
    ['emulated', { status: 'True', reason: 'AgentReadyEmulated' }, null, 'qemu'],
    [
      'not ready, in words',
      { status: 'False', reason: 'LibvirtNotReady', message: 'libvirt is gone' },
      'libvirt is gone',
      null,
    ],
    ['not ready, by its reason', { status: 'Unknown', reason: 'LeaseExpired' }, 'LeaseExpired', null],
    ['not reported yet', null, 'it has not reported yet', null],
  ])('%s', (_title, ready, notReady, accelerator) =>
    expect(nodeFactsOf(node(ready))).toMatchObject({ notReady, accelerator }),
  )

  it.each(['True', 'False', 'Unknown'] as const)('have a TPM for guests by its condition, which is %s', (status) => {
    const reason = 'CheckPassed'
    const conditions = [
      { type: TPM_CONDITION, status, reason, message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
    ]
    expect(nodeFactsOf({ ...kvm, status: { ...kvm.status, conditions } }).tpm).toBe(status === 'True')
  })

  it('count what cannot be read as nothing', () => {
    expect(
      nodeFactsOf({ ...kvm, status: { ...kvm.status, allocatable: { cpu: 'much', memory: '-1' } } }),
    ).toMatchObject({
      milliCpu: 0,
      memoryBytes: 0,
    })
  })

  it('take in what others know', () => {
    const fast = { name: 'fast', problem: null, freeBytes: 5n, totalBytes: 9n, folder: 'mark' }
    const slow = { ...fast, name: 'slow', problem: 'no such folder', folder: null }
    const told = {
      ...kvm.status,
      berth: { storage: { freeBytes: '7', classes: [fast, slow].map(storedClass) } },
      images: [nodeImage('ab12', ['VirtualImage default/guest'], 3n)],
    }
    const folderProblem = (name: string) => (name === 'fast' ? 'another folder than on h2' : null)
    const facts = nodeFactsOf({ ...kvm, status: told } as typeof kvm, { folderProblem, notReady: 'its lease ran out' })
    expect(facts).toMatchObject({ images: new Set(['ab12']), notReady: 'its lease ran out' })
    expect([...(facts.storageClasses ?? [])]).toEqual([
      ['fast', { problem: 'another folder than on h2', freeBytes: 5, totalBytes: 9, folder: 'mark' }],
      ['slow', { problem: 'no such folder', freeBytes: 5, totalBytes: 9, folder: null }],
    ])
  })
})

describe('facts of a machine', () => {
  const facts = (
    spec: Partial<VirtualMachine['spec']> = {},
    classSpec: Partial<VirtualMachineClass['spec']> = {},
    more: Partial<Parameters<typeof vmFactsOf>[1]> = {},
  ) => vmFactsOf(virtualMachine(spec), { vmClass: virtualMachineClass(classSpec), ...more })

  it('count cores by their fraction, and memory with what QEMU takes', () => {
    expect(facts({ cpu: { cores: 4, coreFraction: '25%' }, memory: { size: '1Gi' } })).toMatchObject({
      milliCpu: 1000,
      memoryBytes: (1024 + 96 + 4 * 8) * 1_048_576,
    })
  })

  it('take the fraction of the class where the machine names none', () => {
    const sizingPolicies = [{ cores: { min: 1, max: 8 }, defaultCoreFraction: '10%' }]
    expect(facts({ cpu: { cores: 2 } }, { sizingPolicies }).milliCpu).toBe(200)
  })

  it('put the tolerations of both together', () => {
    const found = facts({ tolerations: [{ key: 'a' }] }, { tolerations: [{ key: 'b' }] })
    expect(found.tolerations.map(({ key }) => key)).toEqual(['b', 'a'])
  })

  it.each<[string, VirtualMachineClass['spec']['cpu'], object, object]>([
    ['Model', { type: 'Model', model: 'Nehalem' }, { model: 'Nehalem' }, { model: 'Nehalem', accelerator: 'kvm' }],
    [
      'Features',
      { type: 'Features', features: ['aes'] },
      { features: ['aes'] },
      { features: ['aes'], accelerator: 'kvm' },
    ],
    ['Discovery', { type: 'Discovery' }, { features: ['sse'] }, { features: ['sse'], accelerator: 'kvm' }],
    ['Host', { type: 'Host' }, {}, { hostModel: 'Skylake', accelerator: 'kvm' }],
    [
      'HostPassthrough',
      { type: 'HostPassthrough' },
      { accelerator: 'kvm' },
      { hostModel: 'Skylake', accelerator: 'kvm' },
    ],
  ])('CPU %s: what it needs to start, and to move while it runs', (_title, cpu, start, move) => {
    expect(facts({}, { cpu }, { discovered: ['sse'] }).cpu).toEqual(start)
    expect(facts({}, { cpu }, { discovered: ['sse'], runsOn: nodeFactsOf(kvm) }).cpu).toEqual(move)
  })

  it('count devices by name', () => {
    expect(
      facts({ gpus: [{ gpuClassName: 'a' }, { gpuClassName: 'a' }], usbDevices: [{ name: 'key' }] }).devices,
    ).toEqual([
      { name: 'usb/key', count: 1 },
      { name: 'gpu/a', count: 2 },
    ])
  })
})

it('finds where a disk is, and what it takes', () => {
  const disk = (status: object, pvc: object = { storageClassName: 'fast', size: '1Gi' }) =>
    ({ ...virtualDisk({ persistentVolumeClaim: pvc }), status }) as VirtualDisk
  const berth = { placement: { node: 'h2', epoch: 1, since: '2026-01-01T00:00:00Z' }, folder: 'mark' }
  const local = { storageClass: 'fast', shared: false, imageBytes: 5 }
  expect(diskFactsOf(disk({ berth }), local)).toEqual({
    name: 'one',
    storageClass: 'fast',
    shared: false,
    node: 'h2',
    bytes: 1024 ** 3,
    made: false,
    folder: null,
  })
  const made = { berth, capacity: '2Gi', target: { persistentVolumeClaimName: 'one' } }
  expect(diskFactsOf(disk(made), { ...local, shared: true })).toMatchObject({
    shared: true,
    node: null,
    bytes: 2 * 1024 ** 3,
    made: true,
    folder: 'mark',
  })
  expect(diskFactsOf(disk({}, {}), local)).toMatchObject({ bytes: 5, node: null })
})
