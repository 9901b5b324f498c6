// What placement decides by: plain facts of hosts and machines. `adapt.ts` makes them of API objects.
import type { LabelSelector, Labels, NeighbourTerm, NodeTerm, SpreadConstraint, Taint, Toleration } from './types.ts'

export type Accelerator = 'kvm' | 'qemu'

/** A host. Objects are never changed: a host that changed is given anew. */
export interface NodeFacts {
  readonly name: string
  /** CPU models and features are labels too; see `cpu-labels.ts`. */
  readonly labels: Labels
  readonly taints: readonly Taint[]
  readonly unschedulable: boolean
  /** In words, why nothing can be started there now; null when it is ready. */
  readonly notReady: string | null
  /** Allocatable, with overcommit, in thousandths of a core. */
  readonly milliCpu: number
  /** Allocatable, in bytes. */
  readonly memoryBytes: number
  /** Null when not known; VMs that need a certain one are not placed there then. */
  readonly accelerator: Accelerator | null
  /** Its guests can have a TPM. */
  readonly tpm: boolean
  /** Storage classes that the host has, by name; null: it has not told, and each is taken to be there. */
  readonly storageClasses: ReadonlyMap<string, ClassRoom> | null
  /** SHA-256 digests of the images' stored files. */
  readonly images: ReadonlySet<string>
  /** How many of each device there are for guests, by name. */
  readonly devices: ReadonlyMap<string, number>
}

/** A storage class on one host. */
export interface ClassRoom {
  /** In words, why no disk can be used or made there now; null when it can. */
  readonly problem: string | null
  readonly freeBytes: number
  readonly totalBytes: number
  /** Of a shared class: which folder of that name it is, by the mark in it. Null: not shared, or not known. */
  readonly folder: string | null
}

/** What a VM asks of a host's CPU. */
export interface CpuNeed {
  /** A CPU model that must run there. */
  readonly model?: string
  /** CPU features that guests must get there. */
  readonly features?: readonly string[]
  /** The host's own model, as a running VM of the type `Host` or `HostPassthrough` has it: where it may migrate to. */
  readonly hostModel?: string
  /** Its class needs it, or the VM runs with it and is to migrate. */
  readonly accelerator?: Accelerator
}

export interface DiskFacts {
  readonly name: string
  /** Null: not chosen. */
  readonly storageClass: string | null
  /** The class is reachable from several hosts: the disk is on all that have it. */
  readonly shared: boolean
  /** The host of a disk that lies, or is to be made, on one host; null when none is chosen, or it is shared. */
  readonly node: string | null
  /** As the guest sees it; 0 when not known. */
  readonly bytes: number
  /** Its file is there. */
  readonly made: boolean
  /** Of a disk in a shared class: the mark of the folder where its file is; null when not known. */
  readonly folder: string | null
}

/** What a disk is still going to take of a host that its VM is given to: one that is there already has taken it. */
export const roomOn = (disk: DiskFacts, node: string): number =>
  disk.made && (disk.shared || disk.node === node) ? 0 : disk.bytes

export interface DeviceNeed {
  readonly name: string
  readonly count: number
}

export interface ImageNeed {
  /** SHA-256 of the stored file. */
  readonly digest: string
  readonly bytes: number
}

export interface Weighted<T> {
  /** 1 to 100. */
  readonly weight: number
  readonly term: T
}

/** A virtual machine. Objects are never changed: a machine that changed is given anew. */
export interface VmFacts {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly labels: Labels
  /** cores × coreFraction, in thousandths of a core. */
  readonly milliCpu: number
  /** The guest's memory with QEMU's overhead. */
  readonly memoryBytes: number
  readonly nodeSelector: Labels
  /** The class's; where the VM's own names the same label, the VM's counts. */
  readonly classSelector: LabelSelector | null
  /** The class's and the VM's. */
  readonly tolerations: readonly Toleration[]
  /** Alternatives of which one must hold; null: none asked for. */
  readonly nodeAffinity: readonly NodeTerm[] | null
  readonly preferredNodes: readonly Weighted<NodeTerm>[]
  readonly near: readonly NeighbourTerm[]
  readonly apart: readonly NeighbourTerm[]
  readonly preferNear: readonly Weighted<NeighbourTerm>[]
  readonly preferApart: readonly Weighted<NeighbourTerm>[]
  readonly spread: readonly SpreadConstraint[]
  readonly cpu: CpuNeed
  /** It has one. */
  readonly tpm: boolean
  readonly disks: readonly DiskFacts[]
  readonly images: readonly ImageNeed[]
  readonly devices: readonly DeviceNeed[]
  /** Of its PriorityClass; 0 without one. */
  readonly priority: number
  /** False for `preemptionPolicy: Never`: it waits and takes nobody's place. */
  readonly preempts: boolean
}

/** What is asked of placement. */
export interface Ask {
  readonly vm: VmFacts
  /** The host where the VM is or was: staying there is cheapest. */
  readonly current?: string
  /** A live migration: disks that lie on the present host come along, and that host is no answer. */
  readonly migrate?: boolean
  /** Hosts that alone are wanted, with who wants it in words (`berth migrate --to h2`). */
  readonly only?: { readonly nodes: ReadonlySet<string>; readonly words: string }
  /** Labels that the host must have besides (`migrate.nodeSelector` of an operation). */
  readonly nodeSelector?: Labels
  /** VMs that get a place together with it and have none yet: required affinity may count on them. Groups set it. */
  readonly expected?: readonly VmFacts[]
  /** Hosts that are not wanted, each with why: it refused just now. */
  readonly not?: ReadonlyMap<string, string>
  /** Hosts that the VM or a disk of it has left, and that have not said yet that nothing of it is there any more. */
  readonly leaving?: ReadonlySet<string>
  /** A host that is known to be dead, whatever its Node says still. */
  readonly dead?: string
}

const NOTHING: readonly never[] = []

/** A VM that asks for nothing, with what is given put over it. */
export const vmFacts = (facts: Partial<VmFacts> & Pick<VmFacts, 'uid' | 'name'>): VmFacts => ({
  namespace: 'default',
  labels: {},
  milliCpu: 0,
  memoryBytes: 0,
  nodeSelector: {},
  classSelector: null,
  tolerations: NOTHING,
  nodeAffinity: null,
  preferredNodes: NOTHING,
  near: NOTHING,
  apart: NOTHING,
  preferNear: NOTHING,
  preferApart: NOTHING,
  spread: NOTHING,
  cpu: {},
  tpm: false,
  disks: NOTHING,
  images: NOTHING,
  devices: NOTHING,
  priority: 0,
  preempts: true,
  ...facts,
})

const NO_IMAGES: ReadonlySet<string> = new Set()
const NO_DEVICES: ReadonlyMap<string, number> = new Map()

/** A ready host without anything, with what is given put over it. */
export const nodeFacts = (facts: Partial<NodeFacts> & Pick<NodeFacts, 'name'>): NodeFacts => ({
  labels: { 'kubernetes.io/hostname': facts.name },
  taints: NOTHING,
  unschedulable: false,
  notReady: null,
  milliCpu: 0,
  memoryBytes: 0,
  accelerator: 'kvm',
  tpm: true,
  storageClasses: null,
  images: NO_IMAGES,
  devices: NO_DEVICES,
  ...facts,
})

/** `namespace/name`. */
export const titleOf = ({ namespace, name }: Pick<VmFacts, 'namespace' | 'name'>): string => `${namespace}/${name}`
