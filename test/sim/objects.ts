// The objects of a scenario: classes, and for each machine its disk. As a user would apply them.
import { GROUP } from '../../schemas/index.ts'
import type { HostText, Scenario, VmText } from './scenario.ts'

/** What a user sends. */
export interface Draft {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

export const NAMESPACE = 'default'
const HOSTNAME = 'kubernetes.io/hostname'

const storageClass = (name: string, parameters: Readonly<Record<string, string>>, annotations = {}): Draft => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name, annotations },
  provisioner: 'berth/dir',
  parameters,
})

const GENERIC: Draft = {
  apiVersion: `${GROUP}/v1alpha3`,
  kind: 'VirtualMachineClass',
  metadata: { name: 'generic' },
  spec: { cpu: { type: 'Model', model: 'Nehalem' } },
}

/** What a cluster has before its machines. */
export const FIRST_OBJECTS: readonly Draft[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
  GENERIC,
  storageClass('local', {}, { 'storageclass.kubernetes.io/is-default-class': 'true' }),
  storageClass('shared', { shared: 'true', path: '/srv/shared' }),
]

/** A machine and its disk; the disk first. */
export function machineOf(name: string, vm: VmText): readonly Draft[] {
  const disk = `${name}-root`
  return [
    {
      apiVersion: `${GROUP}/v1alpha2`,
      kind: 'VirtualDisk',
      metadata: { name: disk, namespace: NAMESPACE },
      spec: { persistentVolumeClaim: { size: '1Gi', storageClassName: vm.shared === true ? 'shared' : 'local' } },
    },
    {
      apiVersion: `${GROUP}/v1alpha2`,
      kind: 'VirtualMachine',
      metadata: {
        name,
        namespace: NAMESPACE,
        labels: { app: name.replace(/-\d+$/, ''), ...vm.labels },
        annotations: { ...vm.annotations, ...(vm.failover === true ? { 'berth/failover': 'enabled' } : {}) },
      },
      spec: {
        virtualMachineClassName: 'generic',
        cpu: { cores: vm.cores ?? 1, coreFraction: vm.fraction ?? '100%' },
        memory: { size: vm.memory ?? '1Gi' },
        blockDeviceRefs: [{ kind: 'VirtualDisk', name: disk }],
        ...vm.spec,
      },
    },
  ]
}

/** What the scheduler knows of a host that has joined. */
export const joined = (name: string, { labels, taints }: HostText): Draft => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name,
    labels: { [HOSTNAME]: name, ...labels },
    annotations: { 'berth/agent-url': `https://${name}:8750` },
  },
  spec: taints === undefined ? {} : { taints },
})

export const firstObjects = ({ hosts, vms, objects, deeds }: Scenario): readonly Draft[] => {
  const named = new Set(
    deeds.flatMap(({ words: [verb, name] }) => (verb === 'apply' && name !== undefined ? [name] : [])),
  )
  const applied = Object.entries(objects).flatMap(([name, object]) => (named.has(name) ? [] : [object as Draft]))
  const machines = Object.entries(vms).flatMap(([name, vm]) => (vm.later === true ? [] : machineOf(name, vm)))
  const nodes = Object.entries(hosts).flatMap(([name, host]) => (host.later === true ? [] : [joined(name, host)]))
  return [...FIRST_OBJECTS, ...nodes, ...applied, ...machines]
}

/** An operation as `berth` makes it. */
export function operationOf(type: string, vm: string, number: number, spec: object = {}): Draft {
  return {
    apiVersion: `${GROUP}/v1alpha2`,
    kind: 'VirtualMachineOperation',
    metadata: { name: `${vm}-${type.toLowerCase()}-${number}`, namespace: NAMESPACE },
    spec: { type, virtualMachineName: vm, ...spec },
  }
}

export const specOfHost = (
  name: string,
  { cores = 8, memory = 16_384, labels = {}, models = ['Nehalem'] }: HostText,
) => ({
  name,
  cores,
  memoryMiB: memory,
  labels,
  models,
})

const PLURALS: Readonly<Record<string, string>> = {
  Namespace: 'namespaces',
  Secret: 'secrets',
  Node: 'nodes',
  VirtualMachineClass: `virtualmachineclasses.${GROUP}`,
  VirtualMachine: `virtualmachines.${GROUP}`,
  VirtualMachineOperation: `virtualmachineoperations.${GROUP}`,
  VirtualDisk: `virtualdisks.${GROUP}`,
  VirtualImage: `virtualimages.${GROUP}`,
  ClusterVirtualImage: `clustervirtualimages.${GROUP}`,
  StorageClass: 'storageclasses.storage.k8s.io',
  PriorityClass: 'priorityclasses.scheduling.k8s.io',
}

/** @throws Error for a kind that scenarios do not know */
export function resourceOf({ kind }: Draft): string {
  const resource = PLURALS[kind]
  if (resource === undefined) throw new Error(`a scenario has no ${kind}`)
  return resource
}
