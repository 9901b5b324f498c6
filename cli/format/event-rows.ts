// Events as rows: when, how grave, why, about what, in words.
import type { KubeObject } from '../../lib/object.ts'
import { ageOf } from '../duration.ts'
import { oneLine } from './text.ts'

/** A core/v1 Event: its fields stand beside the metadata. */
export interface EventObject extends KubeObject {
  readonly type?: string
  readonly reason?: string
  readonly message?: string
  readonly count?: number
  readonly firstTimestamp?: string | null
  readonly lastTimestamp?: string | null
  readonly eventTime?: string | null
  readonly involvedObject?: { readonly kind?: string; readonly name?: string; readonly namespace?: string }
}

export const EVENT_HEADER = ['LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE'] as const

const lastSeen = (event: EventObject): string =>
  event.lastTimestamp || event.eventTime || event.metadata.creationTimestamp

/** Oldest first; of one second by name, so that two looks agree. */
export const inOrder = (events: readonly EventObject[]): EventObject[] =>
  [...events].sort(
    (a, b) => Date.parse(lastSeen(a)) - Date.parse(lastSeen(b)) || a.metadata.name.localeCompare(b.metadata.name),
  )

export type EventRow = readonly [last: string, type: string, reason: string, object: string, message: string]

export const eventRows = (events: readonly EventObject[], now: number): EventRow[] =>
  events.map((event) => eventRow(event, now))

export function eventRow(event: EventObject, now: number): EventRow {
  const { kind = '', name = '' } = event.involvedObject ?? {}
  const times = (event.count ?? 1) > 1 ? ` (x${event.count} over ${ageOf(event.firstTimestamp, now)})` : ''
  return [
    `${ageOf(lastSeen(event), now)}${times}`,
    oneLine(event.type ?? ''),
    oneLine(event.reason ?? ''),
    oneLine(`${kind.toLowerCase()}/${name}`),
    oneLine(event.message ?? ''),
  ]
}
