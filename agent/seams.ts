// Where a test may stand between the agent and the world, and see or end it there: the store's commits, libvirt's calls, what hosts ask each
// other, and steps on files. The released program stands nowhere: it has no way to kill itself, whatever its environment says.
import { LibvirtPool, type LibvirtPoolOptions } from '../lib/libvirt/index.ts'
import type { Store } from '../lib/store/store.ts'
import type { HandoverSide } from './migration/handover.ts'
import type { Peers } from './migration/peers.ts'

/** What is done to files and by programs, step by step; each is told when it is done and on disk. */
export const FILE_STEPS = [
  'seed-made',
  'seed-placed',
  'seed-removed',
  'vm-files-removed',
  'disk-announced',
  'disk-made',
  'disk-placed',
  'disk-recorded',
  'disk-grown',
  'disk-size-recorded',
  'disk-doomed',
  'disk-removed',
  'disk-forgotten',
  'image-fetched',
  'image-converted',
  'image-claimed',
  'image-described',
  'image-placed',
  'claim-removed',
  'image-removed',
  'image-forgotten',
] as const

/** What a member of a cluster keeps in files beside the database; each is told when it is on disk. */
export const MEMBER_STEPS = [
  'member-keyed',
  'member-recorded',
  'member-removed',
  'qemu-certificates-placed',
  'ruler-kept',
  'fencing-ordered',
] as const

export type FileStep = (typeof FILE_STEPS)[number] | (typeof MEMBER_STEPS)[number]
/** Called at once after the step. Must not throw. */
export type OnFileStep = (step: FileStep) => void

export interface Seams {
  /** What the agent takes for its store. */
  readonly store: (store: Store) => Store
  /** Makes each of the agent's pools. */
  readonly libvirt: (options: LibvirtPoolOptions) => LibvirtPool
  readonly onFileStep: OnFileStep
  /** What this host asks the hosts that its machines go to. */
  readonly peers: (peers: Peers) => Peers
  /** What other hosts ask of this one: who they are, and that they may, is known. */
  readonly handover: (side: HandoverSide) => HandoverSide
}

/** Nobody stands between. */
export const NO_SEAMS: Seams = {
  store: (store) => store,
  libvirt: (options) => new LibvirtPool(options),
  onFileStep: () => undefined,
  peers: (peers) => peers,
  handover: (side) => side,
}
