// Domains of ours that libvirt would start by itself, because somebody set that: it would start what the agent may have decided not to,
// with a definition of long ago. No event tells of it, so it is looked for once a minute.
import type { Clock } from '../lib/clock.ts'
import type { EventRecorder } from '../lib/controllers/event-recorder.ts'
import { ConnectListAllDomainsFlags, type LibvirtPool } from '../lib/libvirt/index.ts'
import type { VirtualMachine } from '../schemas/index.ts'
import { AGENT_EVENTS } from './events.ts'
import type { Log } from './log.ts'

const EVERY_MS = 60_000

export interface AutostartDeps {
  readonly libvirt: Pick<LibvirtPool, 'call'>
  readonly clock: Clock
  readonly log: Log
  readonly events: Pick<EventRecorder, 'record'>
  /** The object with that uid; null when there is none. */
  readonly vmOf: (uid: string) => VirtualMachine | null
}

/** Looks now and then again and again. Ends when the signal aborts; never rejects. */
export async function keepFromAutostart(deps: AutostartDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clearAutostart(deps, signal).catch((error: unknown) =>
      deps.log.debug({ err: error }, 'libvirt does not say which domains it would start by itself'),
    )
    await deps.clock.sleep(EVERY_MS, signal).catch(() => undefined)
  }
}

async function clearAutostart({ libvirt, events, vmOf }: AutostartDeps, signal: AbortSignal): Promise<void> {
  const flags = ConnectListAllDomainsFlags.AUTOSTART
  const options = { signal, lane: 'light' } as const
  const { domains } = await libvirt.call('ConnectListAllDomains', { needResults: 1, flags }, options)
  for (const dom of domains) {
    const vm = vmOf(dom.uuid)
    if (vm === null) continue
    await libvirt.call('DomainSetAutostart', { dom, autostart: 0 }, options)
    const message = 'somebody had made libvirt start the domain by itself; it does not any more, the run policy decides'
    events.record(vm, AGENT_EVENTS.text('DefinitionRestored', message))
  }
}
