// The Node that a simulated agent shows. Pure.
import { timestamp } from '../../../lib/clock.ts'
import { CPU_MODEL_LABEL, HOST_MODEL_LABEL } from '../../../lib/placement/cpu-labels.ts'
import type { Node } from '../../../schemas/index.ts'

export interface HostSpec {
  readonly name: string
  readonly cores: number
  readonly memoryMiB: number
  readonly labels: Readonly<Record<string, string>>
  /** CPU models that run there; the last one is its own. */
  readonly models: readonly string[]
}

export interface NodeLook {
  readonly bootId: string
  readonly libvirt: boolean
  readonly now: number
}

const condition = (type: string, status: 'True' | 'False', reason: string, message: string, now: number) => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: timestamp(now),
})

export function nodeOf({ name, cores, memoryMiB, labels, models }: HostSpec, { bootId, libvirt, now }: NodeLook): Node {
  const amounts = { cpu: String(cores), memory: `${memoryMiB}Mi` }
  const why = libvirt ? '' : 'libvirt does not answer'
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      uid: `node-${name}`,
      resourceVersion: '',
      generation: 1,
      creationTimestamp: timestamp(now),
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/arch': 'amd64',
        ...Object.fromEntries(models.map((model) => [`${CPU_MODEL_LABEL}/${model}`, 'true'])),
        ...Object.fromEntries(models.slice(-1).map((model) => [`${HOST_MODEL_LABEL}/${model}`, 'true'])),
        ...labels,
      },
    },
    spec: {},
    status: {
      capacity: amounts,
      allocatable: amounts,
      conditions: [
        libvirt
          ? condition('Ready', 'True', 'AgentReady', '', now)
          : condition('Ready', 'False', 'LibvirtNotReady', why, now),
        libvirt
          ? condition('LibvirtReady', 'True', 'LibvirtAnswers', '', now)
          : condition('LibvirtReady', 'False', 'LibvirtAway', why, now),
      ],
      addresses: [{ type: 'Hostname', address: name }],
      nodeInfo: { bootID: bootId, kubeletVersion: 'sim', architecture: 'amd64', operatingSystem: 'linux' },
    },
  }
}
