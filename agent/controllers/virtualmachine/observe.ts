// What libvirt has for one VM, found by uid. Reads only.

import { type Observed, observeDomain } from '../../../lib/domain/index.ts'
import type { LibvirtPool } from '../../../lib/libvirt/index.ts'
import { isNoDomain } from '../../../lib/libvirt/index.ts'
import type { ShutoffReason } from './power.ts'

export type DomainState = 'running' | 'paused' | 'stopping' | 'suspended' | 'shutoff'

/** Why a guest is paused, as far as that matters here. `disk`: a write failed, nearly always for want of space on the host. */
export type PauseReason = 'person' | 'disk' | 'crashed' | 'other'

export interface DomainView {
  readonly state: DomainState
  readonly shutoff: ShutoffReason
  /** Null when it is not paused. */
  readonly pause: PauseReason | null
  /** False: libvirt forgets the domain when it ends, since somebody removed its definition. */
  readonly persistent: boolean
  readonly observed: Observed
}

export type LibvirtCalls = Pick<LibvirtPool, 'call'>
export type DomainRef = { readonly name: string; readonly uuid: string; readonly id: number }

/** virDomainState -> ours; `blocked` is a running guest that waits, `crashed` one without a process. */
const STATES: readonly DomainState[] = [
  'running',
  'running',
  'running',
  'paused',
  'stopping',
  'shutoff',
  'shutoff',
  'suspended',
]
/** virDomainShutoffReason. */
const REASONS: readonly ShutoffReason[] = ['unknown', 'shutdown', 'destroyed', 'crashed', 'other', 'saved', 'failed']
/** virDomainPausedReason. */
const PAUSES: Readonly<Record<number, PauseReason>> = { 1: 'person', 5: 'disk', 10: 'crashed' }

/** A reference made from what we know: libvirtd finds domains by uuid alone, so no lookup is needed before a call. */
export const domainRef = (name: string, uuid: string): DomainRef => ({ name, uuid, id: -1 })

/** State and definition of a domain that may vanish between two calls: then null. `read` takes its XML apart. */
export async function viewDomain(
  libvirt: LibvirtCalls,
  dom: DomainRef,
  signal: AbortSignal,
  read: (xml: string) => Observed = observeDomain,
): Promise<DomainView | null> {
  try {
    const [state, xml, { persistent }] = await Promise.all([
      libvirt.call('DomainGetState', { dom, flags: 0 }, { signal, lane: 'light' }),
      libvirt.call('DomainGetXMLDesc', { dom, flags: 0 }, { signal, lane: 'light' }),
      libvirt.call('DomainIsPersistent', { dom }, { signal, lane: 'light' }),
    ])
    const known = STATES[state.state] ?? 'shutoff'
    return {
      state: known,
      pause: known === 'paused' ? (PAUSES[state.reason] ?? 'other') : null,
      persistent: persistent !== 0,
      shutoff: state.state === 6 ? 'crashed' : (REASONS[state.reason] ?? 'other'),
      observed: read(xml.xml),
    }
  } catch (error) {
    if (isNoDomain(error)) return null
    throw error
  }
}
