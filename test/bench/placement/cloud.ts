// A cluster to measure placement in: hosts in zones, filled with VMs of which a third has anti-affinity and a third is spread.
import { Cluster, nodeFacts, type VmFacts, vmFacts } from '../../../lib/placement/index.ts'

export const KINDS = ['plain', 'anti', 'spread'] as const
/** What a VM asks for: room alone; required anti-affinity to its group, by host; its group spread over zones. */
export type Kind = (typeof KINDS)[number]

export interface Size {
  readonly hosts: number
  /** VMs that each host has before anything is measured. */
  readonly perHost: number
}

const GIB = 1024 ** 3
const ZONE = 'topology.kubernetes.io/zone'
const HOSTNAME = 'kubernetes.io/hostname'
const ZONES = 10
/** VMs of one group: `app` in a namespace. */
const GROUP = 6
const NAMESPACES = 100
/** VMs that a host has room for beyond those that it is filled with: enough for all that are measured on a hundred hosts. */
const ROOM = 60

/** The VM with a number; those of equal kind and neighbouring numbers are one group. */
export function machineOf(number: number, kind: Kind): VmFacts {
  const group = Math.floor(number / GROUP)
  const app = `${kind}-${group}`
  const labelSelector = { matchLabels: { app } }
  return vmFacts({
    uid: `uid-${kind}-${number}`,
    namespace: `team-${group % NAMESPACES}`,
    name: `vm-${kind}-${number}`,
    labels: { app, tier: 'web' },
    milliCpu: 500,
    memoryBytes: GIB,
    apart: kind === 'anti' ? [{ topologyKey: HOSTNAME, labelSelector }] : [],
    spread:
      kind === 'spread' ? [{ topologyKey: ZONE, maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule', labelSelector }] : [],
    disks: [{ name: 'root', storageClass: 'local', shared: false, node: null, bytes: GIB, made: false, folder: null }],
  })
}

/** The same, larger than any host. */
export const tooBig = (number: number, kind: Kind): VmFacts => ({ ...machineOf(number, kind), memoryBytes: 2 ** 50 })

export function filledCluster({ hosts, perHost }: Size): Cluster {
  const cluster = new Cluster()
  for (let index = 0; index < hosts; index += 1) {
    const name = `host-${index}`
    cluster.upsertNode(
      nodeFacts({
        name,
        labels: { [HOSTNAME]: name, [ZONE]: `zone-${index % ZONES}`, 'kubernetes.io/arch': 'amd64' },
        milliCpu: (perHost + ROOM) * 500,
        memoryBytes: (perHost + ROOM) * GIB,
        storageClasses: new Map([['local', { problem: null, freeBytes: 2 ** 50, totalBytes: 2 ** 50, folder: null }]]),
      }),
    )
  }
  for (let index = 0; index < hosts * perHost; index += 1) {
    const kind = KINDS[Math.floor(index / GROUP) % KINDS.length] ?? 'plain'
    cluster.place(machineOf(index, kind), `host-${index % hosts}`)
  }
  return cluster
}
