// What to do next about one VM. Pure: the whole policy of steps lives here and is tested as a table.
import type { BerthMetadata } from '../../../lib/domain/index.ts'
import type { LooseEnd } from '../../network/loose-ends.ts'
import type { DeviceStep } from './hotplug.ts'
import type { DomainState } from './observe.ts'

export interface Want {
  /** Deletion was asked for: end the guest, then remove everything but its disks. */
  readonly deleted: boolean
  readonly power: 'On' | 'Off' | 'AsIs'
  /** In words, why it cannot be started now; null when nothing is missing. */
  readonly blocked: string | null
  /** End at once instead of asking the guest. */
  readonly force: boolean
  /** ms since the epoch: the guest was first asked to stop; null when not yet. */
  readonly stopSince: number | null
  readonly graceMs: number
  /** What a reboot inside the guest should do now (`destroy` while changes wait for a restart). */
  readonly onReboot: 'restart' | 'destroy'
  /** What is to be done about block devices while it runs on. */
  readonly devices: readonly Step[]
  /** What is to be done while it is off and stays so. */
  readonly atRest: readonly Step[]
}

export interface Have {
  /** Its QEMU does not answer: whatever is asked of it would wait without end. It can still be ended. */
  readonly silent: boolean
  /** False: libvirt forgets it when it ends. */
  readonly persistent: boolean
  /** Host ends of its network interfaces that are on no bridge. */
  readonly loose: readonly LooseEnd[]
  /** A write of the guest failed, and QEMU holds it until somebody lets it go on. */
  readonly pausedByDisk: boolean
  /** ms since the epoch at which this agent last let such a guest go on; null when it did not. */
  readonly lastResume: number | null
  /** Null when libvirt knows no such domain. */
  readonly state: DomainState | null
  readonly onReboot: string
  /** ms since the epoch of the last shutdown signal that this agent sent for the present stop; null when none. */
  readonly lastSignal: number | null
}

export type Step =
  | { readonly do: 'define-and-start' }
  | { readonly do: 'shutdown' }
  | { readonly do: 'destroy' }
  | { readonly do: 'undefine' }
  | { readonly do: 'clean-up' }
  | { readonly do: 'resume' }
  | { readonly do: 'persist' }
  | { readonly do: 'plug'; readonly end: LooseEnd }
  | { readonly do: 'set-on-reboot'; readonly action: 'restart' | 'destroy' }
  | DeviceStep
  /** Write into the domain what it is made of by now. */
  | { readonly do: 'record-devices'; readonly metadata: BerthMetadata }
  /** Write into the domain, which is off, whether it was stopped by hand. */
  | { readonly do: 'record-stop'; readonly metadata: BerthMetadata }
  | { readonly do: 'wait'; readonly afterMs: number; readonly why: string }

/** The signal is repeated, since firmware and booting kernels swallow it. */
export const SIGNAL_EVERY_MS = 3_000

const ACTIVE: readonly DomainState[] = ['running', 'paused', 'stopping', 'suspended']
/** A guest that its disk stopped is let go on so often: the write that failed is then tried again. */
export const RESUME_EVERY_MS = 10_000

/** A QEMU that does not answer is looked at anew. */
const SILENT_RETRY_MS = 10_000

/** A QEMU process exists. */
export const isActive = (state: DomainState | null): boolean => state !== null && ACTIVE.includes(state)

/** The next steps, in order; empty when everything is as wanted. */
export function planVm(want: Want, have: Have, now: number): readonly Step[] {
  const active = isActive(have.state)
  if (want.deleted && !active)
    return have.state === null ? [{ do: 'clean-up' }] : [{ do: 'undefine' }, { do: 'clean-up' }]
  if (want.deleted || want.power === 'Off') return active ? stop(want, have, now) : want.atRest
  if (!active) return want.power === 'On' && want.blocked === null ? [{ do: 'define-and-start' }] : want.atRest
  if (have.state === 'stopping') return [{ do: 'wait', afterMs: 500, why: 'the guest is ending' }]
  if (have.silent) return [{ do: 'wait', afterMs: SILENT_RETRY_MS, why: 'its QEMU does not answer' }]
  const rebooting: readonly Step[] =
    have.onReboot === want.onReboot ? [] : [{ do: 'set-on-reboot', action: want.onReboot }]
  const persisting: readonly Step[] = have.persistent ? [] : [{ do: 'persist' }]
  const plugs = have.loose.map((end): Step => ({ do: 'plug', end }))
  const steps = [...persisting, ...plugs, ...rebooting, ...want.devices]
  return have.pausedByDisk && steps.length === 0 ? goOn(have.lastResume, now) : steps
}

/** What made a write fail (a full disk of the host) may be over by now; if not, QEMU pauses the guest again. */
function goOn(lastResume: number | null, now: number): readonly Step[] {
  const next = lastResume === null ? now : lastResume + RESUME_EVERY_MS
  const wait: Step = { do: 'wait', afterMs: Math.max(50, next - now), why: 'a write of the guest failed on the host' }
  return now >= next ? [{ do: 'resume' }, { ...wait, afterMs: RESUME_EVERY_MS }] : [wait]
}

function stop(want: Want, have: Have, now: number): readonly Step[] {
  const deadline = (want.stopSince ?? now) + want.graceMs
  // A paused guest cannot hear the signal, nor can one whose QEMU does not answer.
  if (want.force || now >= deadline || have.state === 'paused') return [{ do: 'destroy' }]
  const nextSignal = have.lastSignal === null ? now : have.lastSignal + SIGNAL_EVERY_MS
  const wait = (until: number): Step => ({
    do: 'wait',
    afterMs: Math.max(50, Math.min(until, deadline) - now),
    why: 'the guest is shutting down',
  })
  if (have.silent) return [wait(deadline)]
  return now >= nextSignal ? [{ do: 'shutdown' }, wait(now + SIGNAL_EVERY_MS)] : [wait(nextSignal)]
}
