// `berth audit`: who did what, when, from where, and how it ended.
import type { AuditEvent } from '../../lib/apiserver/audit/event.ts'
import { parseSince } from '../duration.ts'
import { line, widths } from '../format/columns.ts'
import { oneLine } from '../format/text.ts'
import { note, print } from '../io.ts'
import type { Session } from '../session.ts'

export interface AuditOptions {
  readonly user?: string
  readonly verb?: string
  readonly resource?: string
  readonly name?: string
  readonly failed?: boolean
  readonly since?: string
  readonly limit: number
  readonly output?: 'json'
}

interface EventList {
  readonly items: readonly AuditEvent[]
}

const PATH = '/apis/subresources.virtualization.deckhouse.io/v1alpha2/audit'
const HEADER = ['TIME', 'USER', 'FROM', 'VERB', 'OBJECT', 'CODE', 'TOOK'] as const

export async function audit(session: Session, options: AuditOptions): Promise<void> {
  const { client, io, paint } = session
  const path = `${PATH}?${queryOf(session, options)}`
  const { items } = (await client.transport.json({ path, signal: io.signal })) as EventList
  if (options.output === 'json') {
    for (const item of items) print(io, JSON.stringify(item))
    return
  }
  if (items.length === 0) return note(io, 'the audit log has nothing of the kind')
  const rows = items.map(rowOf)
  const sized = widths([HEADER, ...rows])
  print(
    io,
    line(HEADER, sized, (cell) => paint('bold', cell)),
  )
  const code = HEADER.indexOf('CODE')
  for (const row of rows)
    print(
      io,
      line(row, sized, (cell, index) => (index === code && Number(cell) >= 400 ? paint('red', cell) : cell)),
    )
}

function queryOf(session: Session, options: AuditOptions): URLSearchParams {
  const { user, verb, resource, name, failed, since, limit } = options
  return new URLSearchParams({
    limit: String(limit),
    ...(user === undefined ? {} : { user }),
    ...(verb === undefined ? {} : { verb }),
    ...(resource === undefined ? {} : { resource }),
    ...(name === undefined ? {} : { name }),
    ...(session.namespaceGiven ? { namespace: session.namespace } : {}),
    ...(failed === true ? { failed: 'true' } : {}),
    ...(since === undefined ? {} : { since: new Date(parseSince(since, session.io.clock.now())).toISOString() }),
  })
}

function rowOf(event: AuditEvent): readonly string[] {
  const { objectRef, stage, verb, user, sourceIPs, responseStatus, annotations } = event
  return [
    event.stageTimestamp.replace(/\.\d+Z$/, 'Z'),
    oneLine(user.username),
    oneLine(sourceIPs.join(',')),
    stage === 'ResponseStarted' ? `${verb} (open)` : verb,
    oneLine(objectRef === undefined ? event.requestURI : objectText(objectRef)),
    String(responseStatus.code),
    `${annotations['berth/duration-seconds']}s`,
  ]
}

/** `secrets team/name`, `virtualmachines/console team/web`. */
function objectText({ resource, subresource, namespace, name }: NonNullable<AuditEvent['objectRef']>): string {
  const whole = subresource === undefined ? resource : `${resource}/${subresource}`
  const at = [namespace, name].filter((part) => part !== undefined).join('/')
  return at === '' ? whole : `${whole} ${at}`
}
