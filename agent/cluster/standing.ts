// Whether a machine may be started on this host as far as a scheduler has a say in it. Asked when its start is planned, and again right before
// libvirt is: a word that came in between counts.
import type { Reader } from '../../lib/reconcile/reader.ts'
import { type HostBinding, isBound, type VirtualMachine } from '../../schemas/index.ts'
import { HOST_BINDINGS } from '../names.ts'
import type { Fencing } from './fencing/fencing.ts'
import type { LeaseKeeper } from './lease.ts'
import { migrationRefusal } from './migration-gate.ts'
import type { PromisedMemory } from './promised.ts'
import type { RestoredMemory } from './restored.ts'

export interface StandingDeps {
  readonly reader: Reader
  readonly vmOf: (uid: string) => VirtualMachine | null
  /** In words, why a machine that may be failed over may not be started without its scheduler; null when it may. */
  readonly leaseRefusal: (binding: HostBinding) => string | null
}

/** What the scheduler's word means for a machine of this host. */
export interface Standing {
  /** In words, why the machine may not be started here now; null when it may. */
  mayStart(uid: string): string | null
  word(uid: string): Word
}

export interface Word {
  /** It is to end here at once: another host has it, or nobody. */
  readonly released: boolean
  /** By which the machine is this host's; 0 for one of the host's own. */
  readonly epoch: number
}

/** @throws Error when the machine may not be started: the scheduler's word is another one than when the start was planned */
export function requireStart(standing: Standing, uid: string): void {
  const refusal = standing.mayStart(uid)
  if (refusal !== null) throw new Error(`not started: ${refusal}`)
}

export const bindingOf = (reader: Reader, uid: string): HostBinding | null =>
  reader.get<HostBinding>(HOST_BINDINGS, { namespace: '', name: uid })

export const standingOf = ({ reader, vmOf, leaseRefusal }: StandingDeps): Standing => ({
  mayStart: (uid) => {
    const binding = bindingOf(reader, uid)
    if (binding !== null) return startRefusal(binding) ?? leaseRefusal(binding)
    const vm = vmOf(uid)
    return vm === null || !isBound(vm) ? null : FORGOTTEN
  },
  word: (uid) => {
    const { role, epoch = 0 } = bindingOf(reader, uid)?.spec ?? {}
    return { released: role === 'Released', epoch }
  },
})

const FORGOTTEN =
  'it belongs to a scheduler, whose word about it this host does not have any more: it starts when the scheduler says again that it is here'

/** Pure. */
export function startRefusal(binding: HostBinding): string | null {
  const { role, epoch } = binding.spec
  if (role === 'Released') return `the scheduler has taken it from this host (epoch ${epoch})`
  const move = migrationRefusal(binding)
  if (move !== null) return move
  if (role === 'Target') return `this host is the target of its move, which is not decided yet (epoch ${epoch})`
  // Before that what its last host knew, such as that it was stopped by hand, may not be here.
  if (!isTaken(binding)) return `the scheduler's word of epoch ${epoch} about it is being taken`
  return null
}

/** Its objects were here as asked by this epoch. */
export const isTaken = ({ spec, status }: HostBinding): boolean => (status?.epoch ?? 0) >= spec.epoch

/**
 * A machine that may be failed over is started only while the lease holds and the scheduler has said in it that the machine is here: another
 * host may have it since this one was last heard.
 */
export function leaseRefusal(
  { spec }: HostBinding,
  lease: Pick<LeaseKeeper, 'state' | 'confirmed'>,
  {
    fencing,
    promised,
    restored,
  }: {
    readonly fencing: Pick<Fencing, 'enabled' | 'covers'>
    readonly promised: Pick<PromisedMemory, 'has'>
    readonly restored: Pick<RestoredMemory, 'suspect'>
  },
): string | null {
  if (spec.failover !== true && !restored.suspect)
    return promised.has(spec.subject.uid) && !lease.confirmed(spec.subject.uid, spec.epoch)
      ? 'it was for failover, and may be elsewhere: it waits for the scheduler to say that it is still here'
      : null
  const why = restored.suspect ? "this host's database is an older copy" : 'it may be failed over'
  const { state, message } = lease.state
  if (state !== 'held') return `${why}, and it is started only while this host's lease holds: ${message}`
  if (!lease.confirmed(spec.subject.uid, spec.epoch))
    return `${why}, and it waits for the scheduler to say that it is still here by epoch ${spec.epoch}`
  if (spec.failover === true && fencing.enabled && !fencing.covers(spec.subject.uid))
    return 'it may be failed over, and the fencer that would end it without a lease does not watch over it yet'
  return null
}
