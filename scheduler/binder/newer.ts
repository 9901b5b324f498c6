// A host that has obeyed a higher epoch of an object than this store ever gave: the store is an older copy, and what it says of the
// object's place is the past.
import type { Reader } from '../../lib/reconcile/reader.ts'
import {
  type BindingMigration,
  type ClusterDiskStatus,
  type ClusterVmStatus,
  clusterStatusOf,
  type HostBinding,
  lastEpoch,
  type VirtualDisk,
  type VirtualMachine,
} from '../../schemas/index.ts'
import type { Links } from '../links/links.ts'
import { PUT_DIGEST } from './copies.ts'
import { disksOf } from './needs.ts'

type Holders = ReadonlyMap<string, HostBinding>

export interface NewerHolder {
  readonly node: string
  readonly epoch: number
  /** What that means, for people. */
  readonly message: string
}

/** The highest epoch that a host was told of by anybody. */
export const obeyed = (binding: HostBinding): number =>
  Math.max(binding.spec.epoch, binding.status?.epoch ?? 0, sentAway(binding)?.epoch ?? 0)

/** The move by which the host sends it away, unless it came to nothing: the target may have it by that epoch, whatever is heard of it. */
function sentAway({ spec: { migration }, status }: HostBinding): BindingMigration | null {
  if (migration?.side !== 'Source') return null
  return status?.migration?.id === migration.id && status.migration.phase === 'Failed' ? null : migration
}

/** All of a host's binding that is decided by, as one text: hosts tell of each often, and most of it changes nothing. Null: it has none. */
export function meaningOf(binding: HostBinding | null): string | null {
  if (binding === null) return null
  const { metadata, spec, status } = binding
  const put = metadata.annotations?.[PUT_DIGEST] ?? ''
  return [put, spec.role, spec.epoch, obeyed(binding), status?.phase === 'Released'].join()
}

/** Of several the one that has it is named. */
const away = (binding: HostBinding): number => (binding.spec.role === 'Released' || sentAway(binding) !== null ? 1 : 0)

const MACHINE = 'Nothing is done to the machine: where it runs, it runs on.'
const DISK = 'Nothing is done to the disk: its data stays where it is.'
const HELP = 'berth-scheduler --rebuild --missing NODE=URL... takes up what hosts know'

/** Epochs are stored before any host hears of them, so that this is never a matter of time. Null: no host knows of more. */
export const newerHolder = (status: ClusterVmStatus, holders: Holders): NewerHolder | null =>
  newer(lastEpoch(status), holders, MACHINE)

/** The same of a disk. */
export const newerDiskHolder = (disk: VirtualDisk, holders: Holders): NewerHolder | null =>
  newer(lastEpoch(clusterStatusOf<ClusterDiskStatus>(disk)), holders, DISK)

/**
 * In words, which of the machine's disks a host has by a later word than this store has; null when there is none. Another machine, which this
 * store does not know, may be using it.
 */
export function newerDisk(
  vm: VirtualMachine,
  { reader, agents }: { readonly reader: Pick<Reader, 'get'>; readonly agents: Pick<Links, 'bindingsOf'> },
): string | null {
  for (const disk of disksOf(vm, reader)) {
    const found = newerDiskHolder(disk, agents.bindingsOf(disk.metadata.uid))
    if (found !== null) return `waits for the VirtualDisk ${disk.metadata.name}: ${found.message}`
  }
  return null
}

function newer(known: number, holders: Holders, words: string): NewerHolder | null {
  const [newest] = [...holders].sort(([, a], [, b]) => obeyed(b) - obeyed(a) || away(a) - away(b))
  if (newest === undefined || obeyed(newest[1]) <= known) return null
  const [node, binding] = newest
  const has = wordsOf(binding)
  const message = `${node} ${has} by epoch ${obeyed(binding)}, and this database knows of epoch ${known} only: it is an older copy. ${words} ${HELP}`
  return { node, epoch: obeyed(binding), message }
}

function wordsOf(binding: HostBinding): string {
  if (binding.spec.role === 'Released') return 'was told to let it go'
  const move = sentAway(binding)
  return move !== null && move.epoch > binding.spec.epoch ? `was told to move it to ${move.peer.node}` : 'has it'
}
