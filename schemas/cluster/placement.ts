// What a scheduler remembers of a virtual machine or a disk, in `status.berth` of its own copy. Users cannot write a status.
import type { BindingMigration } from './hostbinding.ts'

/** The host that an object was given to. Committed before the host is told. */
export interface Placement {
  readonly node: string
  /** Starts with 1, one more at every change of host. */
  readonly epoch: number
  /** RFC 3339. */
  readonly since: string
  /** A machine that does not run keeps its host, and no room is reserved there. */
  readonly idle?: boolean
}

/** Why a machine is stopped by the scheduler and then placed anew. */
export interface Eviction {
  /** RFC 3339. */
  readonly since: string
  readonly reason: 'Preempted'
  /** Uid of the machine that needs the room. */
  readonly for: string
  /** For people. */
  readonly message: string
}

/** A host that may still hold the object by an older epoch. It is told to let go, but not before the migration `until` has ended. */
export interface Leaving extends Placement {
  readonly until?: string
}

export type MigrationOptions = BindingMigration['options']

export type MigrationResolution = NonNullable<BindingMigration['resolution']>

/** A live migration under way, or the last one. One writer: the scheduler's migration controller. */
export interface MigrationRecord {
  /** Uid of the VirtualMachineOperation. */
  readonly id: string
  /** Its name, for people. */
  readonly operation: string
  readonly from: string
  readonly to: string
  /** The machine's epoch at the target. */
  readonly epoch: number
  readonly phase: 'Preparing' | 'Prepared' | 'Transferring' | 'Committed' | 'Cleaned' | 'Failed'
  /** RFC 3339. */
  readonly startedAt: string
  /** RFC 3339, of the present phase. */
  readonly since: string
  readonly endedAt?: string
  /** Of the present phase, RFC 3339; after it the migration is given up. */
  readonly deadline?: string
  /** Both sides are asked to give up; why is in `reason` and `message`. */
  readonly cancel?: boolean
  /**
   * How an unknown outcome was decided: because the target is dead, or by hand. KeepSource: the machine's epoch at the source is above `epoch`
   * from then on, and the target is told to let go. StartAnew: the same, but the guest goes on there only when the target was never asked to
   * take it: otherwise it may have run there and changed its disks, so that its memory at the source is of the past, and it starts from its
   * disks. KeepTarget: as if the target had said Committed.
   */
  readonly resolution?: MigrationResolution
  readonly reason?: string
  readonly message?: string
  readonly options: MigrationOptions
  /** Targets that were tried for this operation and could not take the machine. */
  readonly refusedBy?: readonly { readonly node: string; readonly message: string }[]
}

/** `status.berth` of a VirtualMachine at the scheduler. */
export interface ClusterVmStatus {
  readonly placement?: Placement
  /** Why it is where it is, or was to go last. */
  readonly decision?: { readonly node: string; readonly message: string }
  /** It is being stopped to make room for another one. */
  readonly eviction?: Eviction
  readonly migration?: MigrationRecord
  /** `status.berth` as the host last told it: power record, machine type. Goes with the machine to its next host. */
  readonly host?: Readonly<Record<string, unknown>>
  /** Hosts that may still run the machine by an older epoch, until they say Released. */
  readonly leaving?: readonly Leaving[]
  /** The highest epoch that was ever given, when it is not in the other fields any more. */
  readonly epoch?: number
}

/** `status.berth` of a VirtualDisk at the scheduler. */
export interface ClusterDiskStatus {
  readonly placement?: Placement
  /** In a shared class: the mark of the folder where it was made. Which hosts have that one says who reaches the disk. */
  readonly folder?: string
  readonly leaving?: readonly Leaving[]
  readonly epoch?: number
}

/** `status.berth` of an image at the scheduler. */
export interface ClusterImageStatus {
  /** Hosts that shall have it. */
  readonly nodes?: readonly string[]
  /** SHA-256 of the stored file, known when the first host has it. */
  readonly digest?: string
  /** Hosts where the import failed, while none has it. */
  readonly failed?: readonly string[]
}

export const clusterStatusOf = <T extends ClusterVmStatus | ClusterDiskStatus | ClusterImageStatus>(
  object: { readonly status?: unknown } | null,
): T => ((object?.status as { readonly berth?: T } | undefined)?.berth ?? {}) as T

/** The highest epoch that any host was ever told of the object; 0 when there was none. */
export const lastEpoch = ({ placement, migration, leaving, epoch }: ClusterVmStatus): number =>
  Math.max(0, epoch ?? 0, placement?.epoch ?? 0, migration?.epoch ?? 0, ...(leaving ?? []).map((each) => each.epoch))

/** The epoch for the next host. */
export const nextEpoch = (status: ClusterVmStatus): number => lastEpoch(status) + 1

const OVER: readonly MigrationRecord['phase'][] = ['Cleaned', 'Failed']

/** The migration that is under way. */
export const openMigration = ({ migration }: ClusterVmStatus): MigrationRecord | null =>
  migration === undefined || OVER.includes(migration.phase) ? null : migration
