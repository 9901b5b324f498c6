// Valid objects of every kind to change one field of, for tests of rules and controllers.
import type { KubeObject, ObjectMeta } from '../../../lib/object.ts'
import type {
  ClusterVirtualImage,
  VirtualDisk,
  VirtualImage,
  VirtualMachine,
  VirtualMachineClass,
  VirtualMachineOperation,
} from '../../../schemas/index.ts'

export const metadata = (name: string, more: Partial<ObjectMeta> = {}): ObjectMeta => ({
  name,
  namespace: 'default',
  uid: `uid-${name}`,
  resourceVersion: '1',
  generation: 1,
  creationTimestamp: '2026-01-01T00:00:00Z',
  ...more,
})

const object = <T extends KubeObject>(kind: string, version: string, spec: T['spec'], status?: T['status']): T =>
  ({
    apiVersion: `virtualization.deckhouse.io/${version}`,
    kind,
    metadata: metadata('one'),
    spec,
    ...(status !== undefined && { status }),
  }) as T

/** A VM as the store has it, defaults filled in. */
export const virtualMachine = (spec: Partial<VirtualMachine['spec']> = {}): VirtualMachine =>
  object<VirtualMachine>('VirtualMachine', 'v1alpha2', {
    virtualMachineClassName: 'generic',
    cpu: { cores: 1 },
    memory: { size: '1Gi' },
    blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'root' }],
    runPolicy: 'AlwaysOnUnlessStoppedManually',
    disruptions: { restartApprovalMode: 'Manual' },
    terminationGracePeriodSeconds: 60,
    enableParavirtualization: true,
    osType: 'Generic',
    bootloader: 'BIOS',
    liveMigrationPolicy: 'PreferSafe',
    ...spec,
  })

export const virtualDisk = (spec: VirtualDisk['spec'], status?: VirtualDisk['status']): VirtualDisk =>
  object<VirtualDisk>('VirtualDisk', 'v1alpha2', spec, status)

export const httpSource = { type: 'HTTP', http: { url: 'https://example.org/disk.qcow2' } } as const

export const virtualImage = (spec: Partial<VirtualImage['spec']> = {}, status?: VirtualImage['status']): VirtualImage =>
  object<VirtualImage>(
    'VirtualImage',
    'v1alpha2',
    { dataSource: httpSource, storage: 'ContainerRegistry', ...spec },
    status,
  )

export const clusterVirtualImage = (
  dataSource: ClusterVirtualImage['spec']['dataSource'],
  status?: ClusterVirtualImage['status'],
): ClusterVirtualImage => object<ClusterVirtualImage>('ClusterVirtualImage', 'v1alpha2', { dataSource }, status)

export const virtualMachineOperation = (spec: Partial<VirtualMachineOperation['spec']>): VirtualMachineOperation =>
  object<VirtualMachineOperation>('VirtualMachineOperation', 'v1alpha2', {
    type: 'Start',
    virtualMachineName: 'one',
    ...spec,
  })

export const virtualMachineClass = (spec: Partial<VirtualMachineClass['spec']>): VirtualMachineClass =>
  object<VirtualMachineClass>('VirtualMachineClass', 'v1alpha3', { cpu: { type: 'Model', model: 'Nehalem' }, ...spec })
