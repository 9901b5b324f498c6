// The domain of a machine that moves: how it is, and what is done with it outside of libvirt's migration calls.
import { type Dedicated, fromParams, isNoDomain, isOperationInvalid, LibvirtError } from '../../lib/libvirt/index.ts'
import type { DomainRef, LibvirtCalls } from '../controllers/virtualmachine/observe.ts'
import type { JobStats } from './progress.ts'
import type { SourceDomain } from './source-plan.ts'
import type { TargetDomain } from './target-plan.ts'

/** virDomainState: running, blocked; paused. */
const RUNNING = [1, 2]
const PAUSED = 3
/** virDomainState, and its virDomainShutoffReason. */
const SHUTOFF = 5
const MIGRATED = 4
/** virDomainPausedReason: migration; post-copy, and one that failed. */
const HANDED = 2
const SPLIT = [12, 13]
/** virDomainJobOperation; a migration that goes out. */
const MIGRATION_OUT = 5
/** VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | SNAPSHOTS_METADATA | CHECKPOINTS_METADATA. */
const UNDEFINE = 1 | 2 | 16
/** What firmware and TPM keep: VIR_DOMAIN_UNDEFINE_NVRAM, _TPM; _KEEP_NVRAM, _KEEP_TPM. */
const KEPT_BY_GUEST = { erased: 4 | 32, kept: 8 | 64 } as const
const DESTROY_MS = 60_000
/** Others wait for what comes of it. */
const SUSPEND_MS = 5_000

type Calls = LibvirtCalls | Pick<Dedicated, 'call'>

export interface Seen {
  readonly domain: SourceDomain
  /** virDomainPausedReason or another; for words. */
  readonly reason: number
}

export async function lookAt(libvirt: LibvirtCalls, dom: DomainRef, signal: AbortSignal): Promise<Seen> {
  try {
    const { state, reason } = await libvirt.call('DomainGetState', { dom, flags: 0 }, { signal, lane: 'light' })
    if (RUNNING.includes(state)) return { domain: 'running', reason }
    if (state === PAUSED)
      return { domain: reason === HANDED ? 'handed' : SPLIT.includes(reason) ? 'split' : 'paused', reason }
    // A post-copy that lost its client and came to its end: all of the guest is at the target, which may not have been told to let it run.
    if (state === SHUTOFF && reason === MIGRATED) return { domain: 'split', reason }
    return { domain: state === 4 || state === 7 ? 'paused' : 'off', reason }
  } catch (error) {
    if (isNoDomain(error)) return { domain: 'absent', reason: 0 }
    throw error
  }
}

export const asTarget = (domain: SourceDomain): TargetDomain =>
  domain === 'handed' || domain === 'split' ? 'paused' : domain

/** Statistics of the migration that goes out; null when none is under way. */
export async function outgoingJob(libvirt: Calls, dom: DomainRef, signal: AbortSignal): Promise<JobStats | null> {
  try {
    const { type, params } = await libvirt.call('DomainGetJobStats', { dom, flags: 0 }, { signal })
    const stats = fromParams(params)
    return type !== 0 && stats.operation === MIGRATION_OUT ? stats : null
  } catch (error) {
    // No domain, or it does not run.
    if (error instanceof LibvirtError) return null
    throw error
  }
}

/** Bytes that the migration that goes out has sent; null when none is under way. */
export async function sentBytes(libvirt: Calls, dom: DomainRef, signal: AbortSignal): Promise<number | null> {
  const stats = await outgoingJob(libvirt, dom, signal)
  return stats === null ? null : Number(stats.data_processed ?? 0)
}

/** "No job is active" is what was wanted. */
export async function abortJob(libvirt: Calls, dom: DomainRef, signal: AbortSignal): Promise<void> {
  await libvirt.call('DomainAbortJob', { dom }, { signal }).catch(tolerate)
}

/** Its processors stand still afterwards. */
export async function suspend(libvirt: Calls, dom: DomainRef, signal: AbortSignal): Promise<void> {
  await libvirt.call('DomainSuspend', { dom }, { signal, timeoutMs: SUSPEND_MS })
}

export async function resume(libvirt: Calls, dom: DomainRef, signal: AbortSignal): Promise<void> {
  await libvirt.call('DomainResume', { dom }, { signal })
}

/** Its QEMU is gone afterwards. */
export async function end(libvirt: LibvirtCalls, dom: DomainRef, signal: AbortSignal): Promise<void> {
  await libvirt.call('DomainDestroyFlags', { dom, flags: 0 }, { signal, timeoutMs: DESTROY_MS }).catch(tolerate)
}

/** Its QEMU is gone afterwards, and its definition; and what its firmware and its TPM keep, unless it is started anew here. */
export async function erase(
  libvirt: LibvirtCalls,
  dom: DomainRef,
  signal: AbortSignal,
  state: keyof typeof KEPT_BY_GUEST = 'erased',
): Promise<void> {
  await end(libvirt, dom, signal)
  await libvirt.call('DomainUndefineFlags', { dom, flags: UNDEFINE | KEPT_BY_GUEST[state] }, { signal }).catch(tolerate)
}

function tolerate(error: unknown): void {
  if (!isNoDomain(error) && !isOperationInvalid(error)) throw error
}
