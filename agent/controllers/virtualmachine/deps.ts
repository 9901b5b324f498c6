// What the VirtualMachine controller needs of the rest of the agent.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { EventRecorder } from '../../../lib/controllers/event-recorder.ts'
import type { Counts } from '../../../lib/metrics/metrics.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import type { Standing } from '../../cluster/standing.ts'
import type { HostFacts } from '../../host/facts.ts'
import type { Plug } from '../../network/loose-ends.ts'
import type { Pulse } from '../../pulse.ts'
import type { OnFileStep } from '../../seams.ts'
import type { StartTurns } from '../../start-turns.ts'
import type { Volumes } from '../../storage/volumes.ts'
import type { Definitions } from './definitions.ts'
import type { GuestInfos } from './guest-info.ts'
import type { Ledger } from './ledger.ts'
import type { LibvirtCalls } from './observe.ts'
import type { Seeds } from './seed.ts'

export interface VirtualMachineDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly libvirt: LibvirtCalls
  readonly clock: Clock
  readonly events: Pick<EventRecorder, 'record' | 'stored'>
  readonly counts: Pick<Counts, 'inc'>
  readonly facts: HostFacts
  readonly volumes: Volumes
  readonly ledger: Ledger
  readonly turns: StartTurns
  readonly standing: Standing
  readonly pulse: Pick<Pulse, 'isSilent'>
  readonly seeds: Seeds
  readonly guests: GuestInfos
  /** QEMU's SHUTDOWN reasons by domain uuid; an entry lives until the next start. */
  readonly shutdowns: Map<string, string>
  /** What was read of running domains. */
  readonly definitions: Definitions
  readonly network: {
    /** libvirt's name of the NAT network; null while there is none. */
    name(): string | null
    /** Its name and bridge; null while there is none. */
    plug(): Plug | null
    /** In words, why there is none. */
    problem(): string | null
    macOf(uid: string): string
    /** Watches the address of a VM that runs; its controller is woken when it changes. */
    addressOf(mac: string): string | null
    /** The guest comes from another host with this address. */
    carry(mac: string, address: string): void
    /** In words, why it cannot go on with that. */
    addressProblem(mac: string): string | null
    forget(mac: string): void
  }
  /**
   * Folders of the VMs' own files: firmware variables, console logs; what their TPMs keep, in libvirt's own folder: libvirt erases that with a
   * definition only, and not where a machine has left, or never came.
   */
  readonly folders: { readonly nvram: string; readonly console: string; readonly tpm: string }
  readonly onFileStep?: OnFileStep
}
