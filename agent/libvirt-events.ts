// libvirt's events -> what the VM controller needs: which VM to look at, and why QEMU ended.
import type { LibvirtPool } from '../lib/libvirt/index.ts'
import type { Log } from './log.ts'

export interface EventSinks {
  /** Something happened to the domain with this uuid. */
  readonly onDomain: (uuid: string) => void
  /** Events were lost or the connection was: look at everything. */
  readonly onGap: () => void
  /** The guest agent of the domain came or went. */
  readonly onGuestAgent: (uuid: string) => void
  /** QEMU's SHUTDOWN reason by uuid, set before the lifecycle event of the same end is told. */
  readonly shutdowns: Map<string, string>
}

export interface Following {
  /** From now on nothing is missed. */
  readonly ready: Promise<void>
  /** Ends when the signal aborts; rejects when libvirt refuses the subscription. */
  readonly ended: Promise<void>
}

const KINDS = [
  'lifecycle',
  'agentLifecycle',
  'qemuMonitor',
  'deviceAdded',
  'deviceRemoved',
  'deviceRemovalFailed',
  'metadataChange',
  'balloonChange',
  'blockJob',
] as const

/** One subscription for all kinds keeps libvirt's order: QEMU's reason comes before the end that it explains. */
export function followLibvirt(libvirt: LibvirtPool, sinks: EventSinks, log: Log, signal: AbortSignal): Following {
  const events = libvirt.events(KINDS, { signal, monitorEvent: 'SHUTDOWN' })
  return { ready: events.ready, ended: follow() }

  async function follow(): Promise<void> {
    for await (const item of events) {
      switch (item.kind) {
        case 'dropped':
        case 'reconnected':
          log.warn({ gap: item.kind }, 'libvirt events may have been missed; looking at every domain')
          sinks.onGap()
          break
        case 'agentLifecycle':
          sinks.onGuestAgent(item.dom.uuid)
          break
        case 'qemuMonitor': {
          noteShutdown(sinks.shutdowns, item.dom.uuid, item.details)
          break
        }
        // What Berth did itself, and what somebody did behind its back.
        case 'lifecycle':
        case 'deviceAdded':
        case 'deviceRemoved':
        case 'deviceRemovalFailed':
        case 'metadataChange':
        case 'balloonChange':
        case 'blockJob':
          sinks.onDomain(item.dom.uuid)
      }
    }
  }
}

/** The first reason of a run is the one: when a guest ends, libvirt ends its QEMU by a signal, which QEMU tells as well. */
export function noteShutdown(shutdowns: Map<string, string>, uuid: string, details: string | null): void {
  const reason = shutdownReason(details)
  if (reason !== null && !shutdowns.has(uuid)) shutdowns.set(uuid, reason)
}

/** `reason` of QMP's SHUTDOWN event (QEMU QMP reference, run-state): `guest-reset`, `guest-shutdown`, `host-signal`, … */
export function shutdownReason(details: string | null): string | null {
  try {
    const data: unknown = JSON.parse(details ?? '')
    const reason = typeof data === 'object' && data !== null && 'reason' in data ? data.reason : null
    return typeof reason === 'string' ? reason : null
  } catch {
    return null
  }
}
