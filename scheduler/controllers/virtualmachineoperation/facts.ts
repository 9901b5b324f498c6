// What the plan of a move is made from: plain facts, gathered by the controller.
import type {
  BindingMigrationStatus,
  MigrationRecord,
  VirtualMachine,
  VirtualMachineOperation,
} from '../../../schemas/index.ts'

/** Limits and times of moves; `migration` of the scheduler's configuration. */
export interface MigrationLimits {
  /** Moves under way in the cluster; 0: as many as there are nodes, two at least. */
  readonly parallel: number
  /** Moves under way that leave one node, prepared ones counted. */
  readonly outgoingPerNode: number
  /** Of these, those that transfer. */
  readonly transferringPerNode: number
  /** Transfers that come to one node. */
  readonly incomingPerNode: number
  /** For finding a target, and then for its preparation. */
  readonly prepareTimeoutSeconds: number
  /** Of one transfer; 0: no cap. */
  readonly bandwidthMiBps: number
  /** Per GiB of the guest's memory and of its disks that move along. */
  readonly completionTimeoutSecondsPerGiB: number
  /** A transfer that does not come nearer to its end for so long is given up. */
  readonly progressTimeoutSeconds: number
}

/** DVP's numbers. */
export const DEFAULT_MIGRATION_LIMITS: MigrationLimits = {
  parallel: 0,
  outgoingPerNode: 2,
  transferringPerNode: 1,
  incomingPerNode: 1,
  prepareTimeoutSeconds: 300,
  bandwidthMiBps: 640,
  completionTimeoutSecondsPerGiB: 800,
  progressTimeoutSeconds: 150,
}

/** One of the two hosts of a move. */
export interface SideFacts {
  /** Its own word about this move; null: it has not said anything. */
  readonly told: BindingMigrationStatus | null
  /** What it told is what holds now. */
  readonly inSync: boolean
  /** It has not been heard of for so long that nobody waits for its word any more; an agent that is restarted is not. */
  readonly silent: boolean
  /** In words, the evidence that it is dead; null: none. */
  readonly dead: string | null
  /** In its words, why it does not take what it was told; null: it does. */
  readonly refused: string | null
}

export type TargetChoice = { readonly node: string } | { readonly node: null; readonly message: string }

export interface MoveFacts {
  /** Wall clock, ms since the epoch. */
  readonly now: number
  /** `namespace/name`. */
  readonly machine: string
  readonly vm: VirtualMachine | null
  /** Every operation of the machine, of all types. */
  readonly operations: readonly VirtualMachineOperation[]
  readonly limits: MigrationLimits
  /** In words, that a host has obeyed a later word about the machine than this store knows of; null: none has. */
  readonly outdated: string | null
  /** Of the move under way: how its hosts are. */
  side(node: string): SideFacts
  /** In words, what holds a new move on this node up; null: it may begin. */
  startSlot(operation: VirtualMachineOperation, from: string): string | null
  /** In words, what a prepared move waits for; null: it may transfer. */
  transferSlot(record: MigrationRecord): string | null
  /** Where the machine can go; `not`: nodes that have refused it, with their words. */
  choose(operation: VirtualMachineOperation, not: ReadonlyMap<string, string>): TargetChoice
  /** GiB that are to be carried: memory, and disks that move along. */
  readonly gib: number
  /** Hosts share all disks of the machine. */
  readonly shared: boolean
}
