// What a scheduler remembers of a virtual machine or a disk, in `status.berth` of its own copy. Users cannot write a status.

/** The host that an object was given to. Committed before the host is told. */
export interface Placement {
  readonly node: string
  /** Starts with 1, one more at every change of host. */
  readonly epoch: number
  /** RFC 3339. */
  readonly since: string
}

/** A live migration under way, or the last one. One writer: the scheduler's migration controller. */
export interface MigrationRecord {
  /** Uid of the VirtualMachineOperation. */
  readonly id: string
  readonly from: string
  readonly to: string
  /** The machine's epoch at the target. */
  readonly epoch: number
  readonly phase: 'Preparing' | 'Prepared' | 'Transferring' | 'Committed' | 'Cleaned' | 'Failed'
  /** RFC 3339. */
  readonly startedAt: string
  readonly endedAt?: string
  /** Of the present phase, RFC 3339; after it the migration is given up. */
  readonly deadline?: string
  readonly cancel?: boolean
  readonly resolution?: 'KeepSource' | 'KeepTarget'
  readonly reason?: string
  readonly message?: string
  readonly options?: Readonly<Record<string, unknown>>
}

/** `status.berth` of a VirtualMachine at the scheduler. */
export interface ClusterVmStatus {
  readonly placement?: Placement
  readonly migration?: MigrationRecord
  /** `status.berth` as the host last told it: power record, machine type. Goes with the machine to its next host. */
  readonly host?: Readonly<Record<string, unknown>>
  /** A host that may still run the machine by an older epoch, until it says Released or is known dead. */
  readonly leaving?: readonly Placement[]
}

/** `status.berth` of a VirtualDisk at the scheduler. */
export interface ClusterDiskStatus {
  readonly placement?: Placement
  readonly leaving?: readonly Placement[]
}

/** `status.berth` of an image at the scheduler. */
export interface ClusterImageStatus {
  /** Hosts that shall have it. */
  readonly nodes?: readonly string[]
  /** SHA-256 of the stored file, known when the first host has it. */
  readonly digest?: string
}

export const clusterStatusOf = <T extends ClusterVmStatus | ClusterDiskStatus | ClusterImageStatus>(
  object: { readonly status?: unknown } | null,
): T => ((object?.status as { readonly berth?: T } | undefined)?.berth ?? {}) as T
