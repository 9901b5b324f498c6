// What the host that a machine leaves does next. Pure: what is remembered, and what is seen -> one step.
//
// What is remembered decides who knows the outcome:
//   Transferring  the target was never asked to finish: the machine is here, whatever became of the transfer.
//   Finishing     it was, or is about to be: the target alone knows. Until it says so the guest is not let go on here; when the target is known
//                 dead and cannot say it any more, what the guest held here may be older than its disks, and is given up.
import type { BindingMigration, MigrationPhase } from '../../schemas/index.ts'
import { type GivenUp, KEPT_JOB } from './broken.ts'

/**
 * Paused by libvirt: `handed` when all of it was sent, `split` when post-copy sends the rest of it, or has sent it and ended: nothing but the
 * target can let it go on.
 */
export type SourceDomain = 'running' | 'handed' | 'split' | 'paused' | 'off' | 'absent'

export interface SourceSeen {
  readonly spec: Pick<BindingMigration, 'go' | 'cancel' | 'resolution' | 'peer' | 'options'>
  /** Null: nothing of this migration is remembered. */
  readonly phase: MigrationPhase | null
  /** A transfer of this process is under way; it brings itself to an end. */
  readonly busy: boolean
  readonly domain: SourceDomain
  /** libvirt still sends the guest, for a process that is gone. */
  readonly job: boolean
  /** It was told to end that, and has not for long. */
  readonly stuck: boolean
  /** What the target has answered since; null when it was not asked, Undecided when it did not answer or has not decided. */
  readonly target: 'Committed' | 'Failed' | 'Undecided' | null
  /** Why it failed, as far as that is remembered. */
  readonly reason: string | null
  /** Why no transfer may begin now; null when one may. */
  readonly full: string | null
}

export type SourceStep =
  | { readonly do: 'nothing' }
  | { readonly do: 'wait'; readonly afterMs: number; readonly why: string }
  | { readonly do: 'transfer' }
  | { readonly do: 'abort-job' }
  /** `holdBack`: the target may have the guest, and QEMU lets it go on here: stop it first. */
  | { readonly do: 'ask-target'; readonly holdBack: boolean }
  /** The guest is here: let it go on if it was handed, end it if it is split, and remember why it did not move. */
  | { readonly do: 'keep'; readonly reason: string; readonly message: string }
  /** The guest may have run elsewhere: end the copy that waits here, and its run policy starts it from its disks. */
  | { readonly do: 'start-anew'; readonly reason: GivenUp; readonly message: string }
  /** The guest is at the target: end this copy, remember it. */
  | { readonly do: 'end-here'; readonly phase: 'Committed' | 'Cleaned' }

/** Somebody had paused it before it was to go. */
const NOT_RUNNING = 'SourceNotRunning'
const SLOT_MS = 1_000
const ASK_MS = 2_000

export function planSource(seen: SourceSeen): SourceStep {
  const { phase, spec, domain } = seen
  if (seen.busy) return { do: 'nothing' }
  switch (phase) {
    case null:
    case 'Preparing':
    case 'Prepared':
      return planBegin(seen)
    case 'Transferring':
      // No process of ours asked the target to finish. libvirt does not end a post-copy.
      if (seen.job && domain !== 'split') return endJob(seen)
      return { do: 'keep', reason: 'Interrupted', message: 'the agent of the source ended during the transfer' }
    case 'Finishing':
      return planFinishing(seen)
    case 'Committed':
      return domain === 'absent' ? { do: 'end-here', phase: 'Cleaned' } : { do: 'end-here', phase: 'Committed' }
    case 'Cleaned':
      return { do: 'nothing' }
    case 'Failed':
      if (seen.job && domain !== 'split') return { do: 'abort-job' }
      return (domain === 'handed' || domain === 'split' || isHeldBack(seen)) && spec.resolution !== 'KeepTarget'
        ? { do: 'keep', reason: '', message: '' }
        : { do: 'nothing' }
  }
}

/** Whether one that is paused was so for want of an answer of the target. */
export const isHeldBack = ({
  phase,
  spec,
  domain,
  reason,
}: Pick<SourceSeen, 'phase' | 'spec' | 'domain' | 'reason'>): boolean =>
  domain === 'paused' &&
  spec.options.postCopy === true &&
  (phase === 'Finishing' || (phase === 'Failed' && reason !== NOT_RUNNING))

function planBegin({ spec, domain, job, full }: SourceSeen): SourceStep {
  if (spec.cancel === true) return { do: 'keep', reason: 'Aborted', message: 'it was called off before the transfer' }
  if (spec.resolution !== undefined && spec.resolution !== 'KeepTarget')
    return { do: 'keep', reason: 'Resolved', message: 'it was decided before the transfer that the machine stays here' }
  if (spec.go !== true) return { do: 'nothing' }
  if (job) return { do: 'wait', afterMs: SLOT_MS, why: 'libvirt does something else with the machine' }
  if (domain !== 'running')
    return {
      do: 'keep',
      reason: NOT_RUNNING,
      message: 'the guest does not run here: there is nothing to move live',
    }
  return full === null ? { do: 'transfer' } : { do: 'wait', afterMs: SLOT_MS, why: full }
}

/** The guest is here. A post-copy that libvirt calls broken, and keeps for good, is: nothing but a new QEMU frees the machine of it. */
const endJob = ({ spec, stuck }: SourceSeen): SourceStep =>
  stuck && spec.options.postCopy === true ? { do: 'start-anew', ...KEPT_JOB } : { do: 'abort-job' }

function planFinishing(seen: SourceSeen): SourceStep {
  const { spec, target, domain, job } = seen
  if (spec.resolution === 'KeepTarget') return { do: 'end-here', phase: 'Committed' }
  const keep = (reason: string, message: string): SourceStep =>
    // It was stopped for an agent that is gone, and libvirt does not let it go on before it has ceased to send the last of it.
    job && domain !== 'split' ? endJob(seen) : { do: 'keep', reason, message }
  if (spec.resolution === 'KeepSource') return keep('Resolved', 'it was decided that the machine stays here')
  if (target === 'Committed') return { do: 'end-here', phase: 'Committed' }
  // One that runs here cannot have been handed over: libvirt has given the guest back.
  if (target === 'Failed') return keep('TargetFailed', 'the target says that it has not taken the machine')
  if (spec.resolution === 'StartAnew')
    return {
      do: 'start-anew',
      reason: 'StartedAnew',
      message: `${spec.peer.node} was asked to take the guest and may have run it: it starts anew from its disks`,
    }
  // QEMU lets the guest go on by itself where its post-copy broke at the very end: the target may have all of it by then.
  if (target === null) return { do: 'ask-target', holdBack: domain === 'running' && spec.options.postCopy === true }
  const held = domain === 'handed' || domain === 'split' || domain === 'paused' ? '; the guest stays paused here' : ''
  return {
    do: 'wait',
    afterMs: ASK_MS,
    why: `the outcome is not known: ${spec.peer.node} does not say whether it has the machine${held}`,
  }
}
