// What is remembered of a virtual machine's power, in `status.berth.power` of the copy that its host has, and whether it should run by it.
import type { RunPolicy } from './schema.ts'

export type { RunPolicy }

/** Ends that nobody asked for, one soon after the other. */
/** Phases of a machine that its host has a QEMU for, or is about to. */
const ON: readonly string[] = ['Running', 'Starting', 'Stopping', 'Migrating', 'Pause', 'Degraded']

export const isOn = ({ status }: { readonly status?: { readonly phase?: string } | undefined }): boolean =>
  ON.includes(status?.phase ?? '')

export interface Crashes {
  readonly count: number
  /** ms since the epoch: the last of them was seen. */
  readonly at: number
  /** The spec's generation then: a changed spec may be the remedy, and is tried at once. */
  readonly generation: number
}

/** What an operation asked of the VM's controller. */
export interface PowerRequest {
  /** uid of the VirtualMachineOperation; `configuration` when the VM asked itself (automatic restart approval). */
  readonly id: string
  readonly type: 'Start' | 'Stop' | 'Restart'
  readonly force: boolean
  /** Restart only: `starting` is stored once the old run has ended, before the new one starts. */
  readonly stage?: 'stopping' | 'starting'
}

/** The remembered half of a VM's power state. */
export interface PowerRecord {
  /** The last manual decision; absent when nobody decided. */
  readonly marker?: 'Started' | 'Stopped'
  /** Who set the marker, for people. */
  readonly by?: 'Operation' | 'Guest' | 'Crash' | 'HostReboot'
  /** Set before the start call, cleared when its result is known. */
  readonly starting?: boolean
  /** A run was seen and its end was not yet judged. */
  readonly ran?: boolean
  /** Boot id of the host at the last start. */
  readonly bootId?: string
  readonly request?: PowerRequest
  /** The last request that ended, for its operation to see. */
  readonly done?: { readonly id: string; readonly ok: boolean; readonly message: string }
  /** When the shutdown under way was first asked, ms since the epoch. */
  readonly stopSince?: number
  /** Ends that nobody asked for, one soon after the other; see crash-loop.ts. */
  readonly crashes?: Crashes
}

/** Whether the VM should run. `AsIs`: leave it as it is (Manual, never decided). */
export function wantedPower(record: PowerRecord, policy: RunPolicy): 'On' | 'Off' | 'AsIs' {
  if (policy === 'AlwaysOff') return 'Off'
  const request = record.request
  if (request?.type === 'Stop') return 'Off'
  if (request?.type === 'Start') return 'On'
  if (request?.type === 'Restart') return request.stage === 'starting' ? 'On' : 'Off'
  if (policy === 'AlwaysOn') return 'On'
  if (policy === 'AlwaysOnUnlessStoppedManually') return record.marker === 'Stopped' ? 'Off' : 'On'
  if (record.marker === 'Started') return 'On'
  return record.marker === 'Stopped' ? 'Off' : 'AsIs'
}
