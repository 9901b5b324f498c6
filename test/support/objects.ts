// Complete objects for unit tests, as the store would hold them; each test changes what it is about.
import type { HostFacts } from '../../agent/host/facts.ts'
import type { VirtualMachine, VirtualMachineClass, VirtualMachineOperation } from '../../schemas/index.ts'

type Over<T> = { readonly [K in keyof T]?: T[K] extends object | undefined ? Partial<T[K]> : T[K] }

const metadata = (name: string, uid: string) => ({
  name,
  namespace: 'default',
  uid,
  resourceVersion: '1',
  generation: 1,
  creationTimestamp: '2026-01-01T00:00:00Z',
})

export const VM_UID = '11111111-2222-4333-8444-555555555555'

export function aVm(over: Over<VirtualMachine> = {}): VirtualMachine {
  return {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualMachine',
    ...over,
    metadata: { ...metadata('web', VM_UID), ...over.metadata },
    spec: {
      runPolicy: 'AlwaysOnUnlessStoppedManually',
      virtualMachineClassName: 'generic',
      cpu: { cores: 1, coreFraction: '100%' },
      memory: { size: '256Mi' },
      blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'root' }],
      osType: 'Generic',
      bootloader: 'BIOS',
      enableParavirtualization: true,
      liveMigrationPolicy: 'PreferSafe',
      terminationGracePeriodSeconds: 60,
      disruptions: { restartApprovalMode: 'Manual' },
      ...over.spec,
    },
    ...(over.status === undefined ? {} : { status: over.status as VirtualMachine['status'] & object }),
  } as VirtualMachine
}

export const aClass = (spec: VirtualMachineClass['spec']): VirtualMachineClass => ({
  apiVersion: 'virtualization.deckhouse.io/v1alpha3',
  kind: 'VirtualMachineClass',
  metadata: { ...metadata('generic', 'class-uid') },
  spec,
})

export function anOperation(
  name: string,
  spec: Partial<VirtualMachineOperation['spec']>,
  status?: Partial<NonNullable<VirtualMachineOperation['status']>>,
): VirtualMachineOperation {
  return {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualMachineOperation',
    metadata: metadata(name, `uid-${name}`),
    spec: { type: 'Start', virtualMachineName: 'web', ...spec },
    ...(status === undefined ? {} : { status }),
  } as VirtualMachineOperation
}

export const FACTS: HostFacts = {
  nodeName: 'h1',
  bootId: 'boot-1',
  accelerator: { use: 'qemu' },
  machineType: 'pc-q35-7.2',
  cpuController: 'v1',
  efi: { codePath: '/code.fd', varsTemplate: '/vars.fd' },
  tpm: true,
  cpu: { models: ['Nehalem'], features: ['aes', 'sse4.2'], own: null },
  cores: 4,
  memoryBytes: 8n * 1024n ** 3n,
  versions: { libvirt: '9.0.0', qemu: '7.2.0' },
}
