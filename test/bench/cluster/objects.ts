// What benches of a cluster are made of: hosts in zones, one image, machines of three kinds. Names and sizes; nothing is stored here.
import { copyOf } from '../../../scheduler/binder/copies.ts'
import { AGENT_URL, MACHINE } from '../../../scheduler/membership/node-record.ts'
import type { ClusterVirtualImage, Node, VirtualMachine } from '../../../schemas/index.ts'

export const MACHINE_KINDS = ['plain', 'anti', 'spread'] as const
/** What a machine asks for: room alone; required anti-affinity to its group, by host; its group spread over zones. */
export type MachineKind = (typeof MACHINE_KINDS)[number]

export const NAMESPACE = 'default'
export const CLASS = 'bench'
export const IMAGE = 'base'
/** Label of machines that are measured, with the name of the row. */
export const MEASURED = 'bench'
export const VM_API = 'virtualization.deckhouse.io/v1alpha2'
const SINCE = '2026-01-01T00:00:00Z'
const HOSTNAME = 'kubernetes.io/hostname'
const ZONE = 'topology.kubernetes.io/zone'
const ZONES = 10
/** Machines of one group. */
const GROUP = 6
const DIGEST = 'ab'.repeat(32)

export const hostName = (index: number): string => `host-${index}`

export interface Draft {
  readonly apiVersion: string
  readonly kind: 'VirtualMachine'
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels: Readonly<Record<string, string>>
  }
  readonly spec: object
}

/** As somebody would post it; those of equal kind and neighbouring numbers are one group. */
export function draftOf(name: string, number: number, kind: MachineKind, labels: Draft['metadata']['labels']): Draft {
  const app = `${labels[MEASURED] ?? 'old'}-${kind}-${Math.floor(number / GROUP)}`
  const labelSelector = { matchLabels: { app } }
  const term = { topologyKey: HOSTNAME, labelSelector }
  const apart = { virtualMachineAndPodAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } }
  const spread = { topologyKey: ZONE, maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule', labelSelector }
  return {
    apiVersion: VM_API,
    kind: 'VirtualMachine',
    metadata: { name, namespace: NAMESPACE, labels: { ...labels, app } },
    spec: {
      runPolicy: 'AlwaysOn',
      virtualMachineClassName: CLASS,
      cpu: { cores: 1, coreFraction: '10%' },
      memory: { size: '256Mi' },
      blockDeviceRefs: [{ kind: 'ClusterVirtualImage', name: IMAGE }],
      ...(kind === 'anti' ? { affinity: apart } : {}),
      ...(kind === 'spread' ? { topologySpreadConstraints: [spread] } : {}),
    },
  }
}

/** A joined host, as the scheduler remembers it; without what its agent told. */
export const nodeDraft = (index: number, url: string) => ({
  apiVersion: 'v1',
  kind: 'Node' as const,
  metadata: {
    name: hostName(index),
    labels: { [HOSTNAME]: hostName(index), [ZONE]: `zone-${index % ZONES}` },
    annotations: { [AGENT_URL]: url, [MACHINE]: `machine-${index}` },
  },
})

const condition = (type: string, status: 'True' | 'False', reason: string) => ({
  type,
  status,
  reason,
  message: '',
  lastTransitionTime: SINCE,
})

/** What a host's agent says of the host itself. */
export function nodeCopy(node: Node): Node {
  const amounts = { cpu: 64, memory: '512Gi' }
  return {
    ...copyOf(node),
    status: {
      capacity: amounts,
      allocatable: amounts,
      conditions: [
        condition('Ready', 'True', 'AgentReady'),
        condition('Overloaded', 'False', 'KeepsUp'),
        condition('SchedulerReachable', 'True', 'LeaseHeld'),
      ],
    },
  } as Node
}

/** A machine as its host tells of it. */
export function machineCopy(
  vm: VirtualMachine,
  node: string,
  phase: 'Starting' | 'Running',
  words = '',
): VirtualMachine {
  const runs = phase === 'Running'
  return {
    ...copyOf(vm),
    status: {
      phase,
      nodeName: node,
      ipAddress: runs ? '10.66.10.7' : '',
      observedGeneration: vm.metadata.generation ?? 1,
      conditions: [
        condition('BlockDevicesReady', 'True', 'BlockDevicesReady'),
        { ...condition('Running', runs ? 'True' : 'False', runs ? 'Running' : 'PodNotReady'), message: words },
        condition('VirtualMachineClassReady', 'True', 'VirtualMachineClassReady'),
      ],
      blockDeviceRefs: [{ kind: 'ClusterVirtualImage', name: IMAGE, attached: runs, size: '2Gi', target: 'vda' }],
      resources: { cpu: { cores: 1, coreFraction: '10%' }, memory: { size: '256Mi' } },
      berth: { power: {}, machineType: 'pc-q35-7.2' },
    },
  } as unknown as VirtualMachine
}

/** A host's copy of the image: it has the content. */
export const imageCopy = (image: ClusterVirtualImage): ClusterVirtualImage =>
  ({
    ...copyOf(image),
    status: { phase: 'Ready', progress: '100%', berth: { digest: DIGEST } },
  }) as unknown as ClusterVirtualImage

export const IMAGE_DRAFT = {
  apiVersion: VM_API,
  kind: 'ClusterVirtualImage',
  metadata: { name: IMAGE },
  spec: { dataSource: { type: 'HTTP', http: { url: 'http://images.invalid/base.qcow2' } } },
} as const

export const CLASS_DRAFT = {
  apiVersion: 'virtualization.deckhouse.io/v1alpha3',
  kind: 'VirtualMachineClass',
  metadata: { name: CLASS },
  spec: { cpu: { type: 'Host' } },
} as const

/** What the scheduler remembers of the image once every host has it. */
export const imageBerth = (nodes: readonly string[]) => ({ nodes, digest: DIGEST })
export const placedAt = (node: string) => ({
  placement: { node, epoch: 1, since: SINCE },
  decision: { node, message: 'before the bench' },
})
