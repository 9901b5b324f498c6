// Who would go down with a host that is powered off, as far as the scheduler last heard.
import { nameOf, toKey } from '../../lib/object.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { type ClusterVmStatus, clusterStatusOf, openMigration, type VirtualMachine } from '../../schemas/index.ts'
import { VMS } from '../../schemas/resources.ts'
import { isOn } from '../../schemas/virtualmachine/power.ts'
import { byPlace } from '../indexes.ts'
import { mayFailOver } from './eligible.ts'

export interface Residents {
  /** Machines that may be failed over have their place there, or may have arrived there. */
  readonly hasCandidates: boolean
  /** `namespace/name` of all others that run there, or may. */
  readonly others: readonly string[]
}

/** @param own the host's own machines, as it last told */
export function residentsOf(
  node: string,
  own: readonly string[],
  reader: Pick<Reader, 'get' | 'list' | 'byIndex'>,
  wantsToRun: (vm: VirtualMachine) => boolean,
): Residents {
  const there = reader
    .byIndex<VirtualMachine>(byPlace(VMS), node)
    .filter((vm) => isThere(vm, node) && vm.metadata.deletionTimestamp === undefined)
  return {
    hasCandidates: there.some((vm) => mayFailOver(vm, reader)),
    others: [
      ...there.filter((vm) => !mayFailOver(vm, reader) && (isOn(vm) || wantsToRun(vm))).map((vm) => toKey(nameOf(vm))),
      ...own,
    ].sort(),
  }
}

/** Not one that has left it, whatever a stale copy does there. */
function isThere(vm: VirtualMachine, node: string): boolean {
  const status = clusterStatusOf<ClusterVmStatus>(vm)
  const open = openMigration(status)
  return status.placement?.node === node || (open?.to === node && open.phase === 'Transferring')
}
