// Whether a host may start a machine that may be failed over, as the scheduler confirms it in the host's lease. Pure.
import { type ClusterVmStatus, type HostBinding, openMigration } from '../schemas/index.ts'
import { newerHolder } from './binder/newer.ts'

/**
 * The machine is that host's by that epoch, and nobody else's. A move that came to nothing leaves it where it is, by the epoch that it has.
 * @param holders what hosts have of it: where one has obeyed more than this store knows of, the store is an older copy, and the machine may run there
 */
export function isOwner(
  node: string,
  epoch: number,
  status: ClusterVmStatus,
  holders: ReadonlyMap<string, HostBinding>,
): boolean {
  const open = openMigration(status)
  // While it moves away it may be there already.
  if (open !== null && open.to !== node) return false
  return status.placement?.node === node && status.placement.epoch === epoch && newerHolder(status, holders) === null
}
