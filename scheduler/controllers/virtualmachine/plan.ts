// What is to be done about a machine's place. Pure.
import { getCondition } from '../../../lib/conditions.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  type HostBinding,
  type Leaving,
  openMigration,
  type VirtualMachine,
} from '../../../schemas/index.ts'
import { isOn } from '../../../schemas/virtualmachine/power.ts'
import { newerHolder } from '../../binder/newer.ts'
import type { RefusedBinding } from '../../binder/refusals.ts'

export interface Seen {
  /** It is to run. */
  readonly wanted: boolean
  /** What hosts have of it, by node. */
  readonly holders: ReadonlyMap<string, HostBinding>
  /** Hosts that said no, and count still. */
  readonly refusals: readonly RefusedBinding[]
  /** Whether what a node told is complete and new. */
  readonly inSync: (node: string) => boolean
  /** In words, which of its disks this store knows less of than a host does; null: none. */
  readonly newerDisk: () => string | null
  /** In words, which of its disks lies on another host alone than that one; null: none. */
  readonly diskElsewhere: (node: string) => string | null
}

export type VmStep =
  | { readonly do: 'nothing' }
  /** No host has it any more. */
  | { readonly do: 'let-go' }
  /** Hosts that have said Released: they need not be remembered. */
  | { readonly do: 'drop-leaving'; readonly nodes: readonly string[] }
  /** Its host did not take it: that place is none. */
  | { readonly do: 'clear'; readonly refused: RefusedBinding }
  | { readonly do: 'tell-stale'; readonly message: string }
  /** It cannot start where it is, for a reason that its host does not know. */
  | { readonly do: 'tell-disk'; readonly message: string }
  /** It has stopped: it keeps its host, and no room there. */
  | { readonly do: 'idle' }
  /** It has stopped because it was told to make room, or cannot start where it is: it has no host any more. */
  | { readonly do: 'vacate'; readonly message: string }
  /** It keeps a host where it does not run, and is to run again: is there room? */
  | { readonly do: 'wake' }
  | { readonly do: 'place' }
  | { readonly do: 'wait'; readonly message: string }
  /** Nothing is to be done, and it has no host. */
  | { readonly do: 'rest' }

export function planPlace(vm: VirtualMachine, seen: Seen): VmStep {
  const status = clusterStatusOf<ClusterVmStatus>(vm)
  const { placement, leaving = [], eviction } = status
  const newer = newerHolder(status, seen.holders)
  if (vm.metadata.deletionTimestamp !== undefined) {
    if (isGone(status, seen)) return { do: 'let-go' }
    return newer === null ? { do: 'nothing' } : { do: 'tell-stale', message: newer.message }
  }
  if (newer !== null) return { do: 'tell-stale', message: newer.message }
  // One writer: while it moves, its migration decides about its hosts.
  if (openMigration(status) !== null) return { do: 'nothing' }
  const left = leaving.filter((each) => saidReleased(each, seen)).map(({ node }) => node)
  if (left.length > 0) return { do: 'drop-leaving', nodes: left }
  if (placement === undefined)
    return unplaced(
      leaving.map(({ node }) => node),
      seen,
    )
  const refused = seen.refusals.find(({ node, epoch }) => node === placement.node && epoch === placement.epoch)
  if (refused?.kind === 'stale') return { do: 'tell-stale', message: `${refused.node}: ${refused.message}` }
  // An older binding that the host keeps is no place that it lacks: it only did not take a change.
  const holds = (seen.holders.get(placement.node)?.spec.epoch ?? 0) >= placement.epoch
  if (refused !== undefined && !holds) return { do: 'clear', refused }
  const disk = seen.wanted && !runs(vm) ? seen.newerDisk() : null
  if (disk !== null) return { do: 'tell-disk', message: disk }
  if (eviction !== undefined) return hasStopped(vm) ? { do: 'vacate', message: '' } : { do: 'nothing' }
  const elsewhere =
    leaving.length === 0 && startsNot(vm, placement.node, seen) ? seen.diskElsewhere(placement.node) : null
  if (elsewhere !== null) return { do: 'vacate', message: elsewhere }
  if (placement.idle === true) return seen.wanted ? { do: 'wake' } : { do: 'nothing' }
  return !seen.wanted && hasStopped(vm) ? { do: 'idle' } : { do: 'nothing' }
}

function unplaced(leaving: readonly string[], { wanted, holders, newerDisk }: Seen): VmStep {
  if (!wanted) return { do: 'rest' }
  const disk = newerDisk()
  if (disk !== null) return { do: 'wait', message: disk }
  if (leaving.length > 0) return { do: 'wait', message: `waits until ${leaving.join(', ')} has let it go` }
  const held = [...holders].filter(([, { status }]) => status?.phase !== 'Released').map(([node]) => node)
  return held.length > 0 ? { do: 'wait', message: `waits until ${held.join(', ')} has let it go` } : { do: 'place' }
}

const runs = ({ status }: VirtualMachine): boolean => getCondition(status?.conditions, 'Running')?.status === 'True'

/** By the word of its host, which has what it shall have of it. */
const startsNot = ({ status }: VirtualMachine, node: string, { wanted, inSync, holders }: Seen): boolean =>
  wanted && status?.phase === 'Pending' && inSync(node) && holders.get(node)?.status?.phase === 'Accepted'

/** The word of its host, which is mirrored, and which has seen what is asked for now. */
const hasStopped = (vm: VirtualMachine): boolean => vm.status?.phase === 'Stopped' && !isOn(vm)

/** Of this very epoch or a later one: what it said of an earlier stay is no word about the last one, of which it may not have told yet. */
const saidReleased = ({ node, epoch }: Leaving, { holders, inSync }: Seen): boolean => {
  const binding = holders.get(node)
  if (!inSync(node)) return false
  if (binding === undefined) return true
  return binding.spec.role === 'Released' && binding.status?.phase === 'Released' && binding.spec.epoch >= epoch
}

/** Every host that may have it has said that it has nothing of it. */
function isGone({ placement, leaving = [] }: ClusterVmStatus, { holders, inSync }: Seen): boolean {
  const places = new Set([...(placement === undefined ? [] : [placement.node]), ...leaving.map(({ node }) => node)])
  const toldGone = [...holders.values()].every(({ status }) => status?.phase === 'Released')
  return toldGone && [...places].every((node) => inSync(node) && holders.has(node))
}
