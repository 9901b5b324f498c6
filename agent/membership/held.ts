// What this host has of its scheduler's: while there is something, it does not leave.
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { HostBinding } from '../../schemas/index.ts'
import { HOST_BINDINGS } from '../names.ts'

const TOLD = 5

/** In words; null when there is nothing. */
export function heldForScheduler(reader: Pick<Reader, 'list'>): string | null {
  const held = reader.list<HostBinding>(HOST_BINDINGS).filter(({ status }) => status?.phase !== 'Released')
  if (held.length === 0) return null
  const names = held.slice(0, TOLD).map(({ spec: { subject } }) => {
    const [plural] = subject.resource.split('.')
    return `${plural} ${subject.namespace === '' ? '' : `${subject.namespace}/`}${subject.name}`
  })
  const more = held.length > TOLD ? ` and ${held.length - TOLD} more` : ''
  return `this host has what belongs to the scheduler: ${names.join(', ')}${more}. Drain it first (berth drain), or leave with --force: they stay here then, and nobody but a scheduler may change them`
}
