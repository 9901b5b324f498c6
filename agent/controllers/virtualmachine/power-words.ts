// What happened to a machine's power, in words: for its condition and its events. Pure.
import type { EventText } from '../../../lib/controllers/event-text.ts'
import { AGENT_EVENTS } from '../../events.ts'
import type { PauseReason } from './observe.ts'
import type { Ended, PowerRecord, RunPolicy } from './power.ts'

/** Why a machine that shall not run does not. */
export function stoppedBecause({ by }: PowerRecord, policy: RunPolicy | undefined): string {
  switch (by) {
    case 'Guest':
      return 'powered off from inside the guest'
    case 'Operation':
      return 'stopped by an operation'
    case 'Crash':
      return 'QEMU ended unexpectedly; the run policy does not start it again'
    case 'HostReboot':
      return 'the host was restarted; the run policy does not start it again'
    default:
      return policy === 'AlwaysOff' ? 'the run policy is AlwaysOff' : 'not started yet'
  }
}

const PAUSES: Readonly<Record<PauseReason, string>> = {
  person: 'the guest is paused; somebody on the host did that (virsh resume lets it go on)',
  disk: 'the guest is paused: a write failed on the host, nearly always for want of space; it goes on by itself once a write succeeds',
  crashed: 'the guest is paused: its kernel panicked',
  other: 'the guest is paused',
}

export const pausedBecause = (reason: PauseReason | null): string => PAUSES[reason ?? 'other']

export const PAUSED_BY_DISK: EventText = AGENT_EVENTS.text(
  'PausedByDisk',
  'a write failed on the host and QEMU paused the guest; it is let go on every 10 s until the write succeeds',
)

/** The event of a run that is over; null for one that we ended ourselves, which is told when it is asked for. */
export function endOf({ cause, shutoff }: Ended): EventText | null {
  switch (cause) {
    case 'crash':
      return AGENT_EVENTS.text('Crashed', CRASHES[shutoff] ?? 'QEMU ended unexpectedly')
    case 'broken-move':
      return AGENT_EVENTS.text(
        'EndedByMove',
        'its move broke when no whole guest was left: it starts anew from its disks',
      )
    case 'host':
      return AGENT_EVENTS.text('HostRestarted', 'the host was restarted while it ran')
    case 'power-off':
      return AGENT_EVENTS.text('PoweredOff', 'powered off from inside the guest')
    case 'reboot':
      return AGENT_EVENTS.text('Rebooted', 'rebooted from inside the guest, with a new QEMU')
    case 'asked':
    case 'never-started':
      return null
  }
}

const CRASHES: Readonly<Partial<Record<Ended['shutoff'], string>>> = {
  destroyed: 'its QEMU was ended from outside of Berth (virsh destroy?)',
  saved: 'it was saved to a file and ended from outside of Berth (virsh managedsave?); the next start boots it anew',
  unknown: 'its QEMU ended, and libvirt does not know why',
}
