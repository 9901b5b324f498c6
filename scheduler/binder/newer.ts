// A host that has obeyed a higher epoch of an object than this store ever gave: the store is an older copy, and what it says of the
// object's place is the past. Pure.
import { type ClusterVmStatus, type HostBinding, lastEpoch } from '../../schemas/index.ts'
import { PUT_DIGEST } from './copies.ts'

export interface NewerHolder {
  readonly node: string
  readonly epoch: number
  /** What that means, for people. */
  readonly message: string
}

/** The highest epoch that a host was told of by anybody. */
export const obeyed = ({ spec, status }: HostBinding): number => Math.max(spec.epoch, status?.epoch ?? 0)

/** All of a host's binding that is decided by, as one text: hosts tell of each often, and most of it changes nothing. Null: it has none. */
export function meaningOf(binding: HostBinding | null): string | null {
  if (binding === null) return null
  const { metadata, spec, status } = binding
  const put = metadata.annotations?.[PUT_DIGEST] ?? ''
  return [put, spec.role, spec.epoch, obeyed(binding), status?.phase === 'Released'].join()
}

const gone = ({ spec }: HostBinding): number => (spec.role === 'Released' ? 1 : 0)

/** Epochs are stored before any host hears of them, so that this is never a matter of time. Null: no host knows of more. */
export function newerHolder(status: ClusterVmStatus, holders: ReadonlyMap<string, HostBinding>): NewerHolder | null {
  const known = lastEpoch(status)
  const [newest] = [...holders].sort(([, a], [, b]) => obeyed(b) - obeyed(a) || gone(a) - gone(b))
  if (newest === undefined || obeyed(newest[1]) <= known) return null
  const [node, binding] = newest
  const has = binding.spec.role === 'Released' ? 'was told to let it go' : 'has it'
  const message =
    `${node} ${has} by epoch ${obeyed(binding)}, and this database knows of epoch ${known} only: it is an older copy. Nothing is done to ` +
    'the machine: where it runs, it runs on. berth-scheduler --rebuild --missing NODE=URL... takes up what hosts know'
  return { node, epoch: obeyed(binding), message }
}
