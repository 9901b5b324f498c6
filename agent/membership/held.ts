// What this host has of its scheduler's: while there is something, it does not leave.
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { HostBinding } from '../../schemas/index.ts'
import { DISKS, HOST_BINDINGS, VMS } from '../names.ts'

const TOLD = 5

/** In words, with what helps; null when there is nothing. */
export function heldForScheduler(reader: Pick<Reader, 'list'>): string | null {
  const held = reader.list<HostBinding>(HOST_BINDINGS).filter(({ status }) => status?.phase !== 'Released')
  if (held.length === 0) return null
  const names = held.slice(0, TOLD).map(({ spec: { subject } }) => {
    const [plural] = subject.resource.split('.')
    return `${plural} ${subject.namespace === '' ? '' : `${subject.namespace}/`}${subject.name}`
  })
  const more = held.length > TOLD ? ` and ${held.length - TOLD} more` : ''
  return `this host has what belongs to the scheduler: ${names.join(', ')}${more}. ${whatHelps(held)}. With --force it leaves all the same: they stay here then, and nobody but a scheduler may change them`
}

/** A drain moves machines that run, with their disks, and nothing else. */
function whatHelps(held: readonly HostBinding[]): string {
  const has = (resource: string): boolean => held.some(({ spec: { subject } }) => subject.resource === resource)
  if (has(VMS)) return 'Drain it first (berth drain); machines that do not run stay: delete them, or start them before'
  return has(DISKS)
    ? 'A drain leaves disks that no running machine has: delete them, or start a machine with them and drain again'
    : 'A drain leaves images: delete those that nobody needs; those that other hosts have, or can download, are not missed'
}
