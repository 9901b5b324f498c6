import { describe, expect, it } from 'vitest'
import {
  NOTHING_NOW,
  type NodeFacts,
  type NodeTroubles,
  newNode,
  nodeConditions,
  nodeConditionsBlind,
  nodeLabels,
  nodeStatus,
} from '../../../../agent/host/node-object.ts'
import type { KubeObject } from '../../../../lib/object.ts'
import { type NodeClass, nodeClassesOf, nodeImage, nodeImagesOf, nodeStorageOf } from '../../../../schemas/index.ts'

const facts: NodeFacts = {
  nodeName: 'host-1',
  berthVersion: '0.1.0',
  identity: {
    bootId: 'b-1',
    machineId: 'm-1',
    systemUuid: 'u-1',
    kernelVersion: '6.1.0',
    osImage: 'Debian GNU/Linux 12 (bookworm)',
    cores: 8,
    memoryBytes: 16n * 1024n ** 3n,
  },
  accelerator: { use: 'kvm', message: 'KVM runs guest code.' },
  capabilities: { machine: 'pc-q35-7.2', maxVcpus: 288, usableModels: ['Nehalem'], hostPassthrough: true, tpm: true },
  cpuFeatures: ['sse4.2'],
  checks: [
    { id: 'libvirt', title: 'libvirt', condition: 'LibvirtAvailable', status: 'ok', message: 'libvirt 9.0.0.' },
    {
      id: 'kvm',
      title: 'KVM',
      condition: 'KVMUsable',
      status: 'fail',
      message: 'slow',
      reason: 'KVMSlowerThanEmulation',
    },
    { id: 'iommu', title: 'IOMMU', condition: 'IOMMUAvailable', status: 'info', message: 'none', detail: '0 groups' },
    {
      id: 'time-sync',
      title: 'Time',
      condition: 'TimeSynchronized',
      status: 'info',
      unknown: true,
      message: 'who knows',
    },
    { id: 'hugepages', title: 'Pages', status: 'ok', message: 'some' },
  ],
  addresses: ['192.0.2.7'],
  cpuOvercommit: 2,
}
const NOW = '2026-01-02T00:00:00Z'
const BEFORE = '2026-01-01T00:00:00Z'

describe('the Node object', () => {
  it('says what the host is', () => {
    const node = newNode(facts, NOW)
    expect(node.metadata).toEqual({
      name: 'host-1',
      labels: {
        'kubernetes.io/hostname': 'host-1',
        'kubernetes.io/arch': 'amd64',
        'kubernetes.io/os': 'linux',
        'node-role.kubernetes.io/worker': '',
        'cpu-model.node.virtualization.deckhouse.io/Nehalem': 'true',
        'cpu-feature.node.virtualization.deckhouse.io/sse4.2': 'true',
      },
    })
    expect(node.status).toMatchObject({
      capacity: { cpu: '8', memory: '16777216Ki' },
      allocatable: { cpu: '16', memory: '16252928Ki' },
      addresses: [
        { type: 'InternalIP', address: '192.0.2.7' },
        { type: 'Hostname', address: 'host-1' },
      ],
      nodeInfo: {
        bootID: 'b-1',
        machineID: 'm-1',
        systemUUID: 'u-1',
        kubeletVersion: '0.1.0',
        containerRuntimeVersion: '',
      },
    })
    expect(node.status).not.toHaveProperty('hardware')
  })

  it('has a condition for each check that has one', () => {
    const seen = nodeConditions(facts, NOW).map(({ type, status, reason }) => [type, status, reason])
    expect(seen).toEqual([
      ['Ready', 'True', 'AgentReady'],
      ['LibvirtReady', 'True', 'LibvirtAnswers'],
      ['NetworkUnavailable', 'False', 'NetworkUp'],
      ['Overloaded', 'False', 'KeepsUp'],
      ['LibvirtAvailable', 'True', 'CheckPassed'],
      ['KVMUsable', 'False', 'KVMSlowerThanEmulation'],
      ['IOMMUAvailable', 'False', 'CheckFailed'],
      ['TimeSynchronized', 'Unknown', 'CheckInconclusive'],
    ])
  })

  it('is not ready without libvirt or an accelerator, and says so', () => {
    const ready = (more: Partial<NodeFacts>) => nodeConditions({ ...facts, ...more }, NOW)[0]
    expect(ready({ accelerator: { refused: 'no KVM' } })).toMatchObject({
      status: 'False',
      reason: 'NoAccelerator',
      message: 'no KVM',
    })
    expect(ready({ accelerator: { use: 'qemu', message: 'slow' } })).toMatchObject({
      status: 'True',
      reason: 'AgentReadyEmulated',
    })
    const checks = [{ id: 'libvirt', title: '', status: 'fail', message: 'no connection' } as const]
    expect(ready({ checks })).toMatchObject({ status: 'False', reason: 'LibvirtNotReady', message: 'no connection' })
  })

  it('says which troubles the host has now; a slow libvirt can still be worked with', () => {
    const ready = (libvirt: NodeTroubles['libvirt'], network: string | null) =>
      nodeConditions(facts, NOW, [], { ...NOTHING_NOW, libvirt, network })
        .slice(0, 3)
        .map(({ type, status, reason, message }) => [type, status, reason, message])
    expect(ready({ reason: 'LibvirtHangs', message: 'hangs' }, 'no bridge')).toEqual([
      ['Ready', 'False', 'LibvirtNotReady', 'hangs'],
      ['LibvirtReady', 'False', 'LibvirtHangs', 'hangs'],
      ['NetworkUnavailable', 'True', 'NetworkDown', 'no bridge'],
    ])
    expect(ready({ reason: 'LibvirtSlow', message: 'slow' }, null)).toEqual([
      ['Ready', 'True', 'AgentReady', 'KVM runs guest code.'],
      ['LibvirtReady', 'True', 'LibvirtSlow', 'slow'],
      ['NetworkUnavailable', 'False', 'NetworkUp', ''],
    ])
  })

  it('says what room each storage class has, and which is not usable', () => {
    const dir = { name: 'dir', problem: null, freeBytes: 3n * 1024n ** 3n, totalBytes: 4n * 1024n ** 3n, folder: null }
    const shared = { ...dir, name: 'shared', problem: 'the folder /srv is not there', freeBytes: 0n, totalBytes: 0n }
    const said = (classes: readonly NodeClass[]) => {
      const now = { ...NOTHING_NOW, storage: { freeBytes: 9n, classes, images: [nodeImage('ab', [], 5n)] } }
      const node = { ...newNode(facts, NOW), status: nodeStatus(facts, NOW, [], now) }
      const told = node as unknown as KubeObject
      expect(nodeClassesOf(told)).toEqual(classes)
      expect(nodeStorageOf(told)).toEqual({ freeBytes: 9n })
      expect(nodeImagesOf(told)).toEqual(['ab'])
      return node.status.conditions.find(({ type }) => type === 'StorageReady')
    }
    expect(said([dir])).toMatchObject({ status: 'True', reason: 'ClassesUsable', message: 'dir: 3 GiB of 4 GiB free' })
    expect(said([dir, shared])).toMatchObject({
      status: 'False',
      reason: 'ClassNotUsable',
      message: 'dir: 3 GiB of 4 GiB free; shared: the folder /srv is not there',
    })
  })

  it('of a host that cannot be looked at keeps what was found before, but does not call it ready', () => {
    const before = nodeConditions(facts, BEFORE)
    const after = nodeConditionsBlind(
      { libvirt: { reason: 'LibvirtAway', message: 'away' }, network: null, overload: null, scheduler: null },
      NOW,
      before,
    )
    expect(after.slice(0, 2)).toMatchObject([
      { type: 'Ready', status: 'False', reason: 'LibvirtNotReady', message: 'away', lastTransitionTime: NOW },
      { type: 'LibvirtReady', status: 'False', reason: 'LibvirtAway', lastTransitionTime: NOW },
    ])
    expect(after.slice(2)).toEqual(before.slice(2))
  })

  it('keeps the time of a condition that did not change', () => {
    const previous = [
      { type: 'Ready', status: 'False', reason: 'x', message: '', lastTransitionTime: BEFORE } as const,
      {
        type: 'LibvirtAvailable',
        status: 'True',
        reason: 'x',
        message: 'old words',
        lastTransitionTime: BEFORE,
      } as const,
    ]
    const times = nodeConditions(facts, NOW, previous).map((c) => c.lastTransitionTime)
    expect(times).toEqual([NOW, NOW, NOW, NOW, BEFORE, NOW, NOW, NOW])
  })

  it('keeps the labels of people and drops its own that hold no more', () => {
    const existing = {
      rack: 'a1',
      'kubernetes.io/hostname': 'old',
      'cpu-model.node.virtualization.deckhouse.io/Penryn': 'true',
      'example.org/cpu-model.node.virtualization.deckhouse.io': 'mine',
    }
    expect(nodeLabels(facts, existing)).toEqual({
      ...nodeLabels(facts),
      rack: 'a1',
      'example.org/cpu-model.node.virtualization.deckhouse.io': 'mine',
    })
  })
})
