// `berth describe`: objects for reading, with what happened to them.

import type { ResourceInfo } from '../../lib/client/paths.ts'
import type { KubeObject } from '../../lib/object.ts'
import { forEach } from '../each.ts'
import { align } from '../format/columns.ts'
import { describeObject } from '../format/describe.ts'
import { type EventObject, eventRows, inOrder } from '../format/event-rows.ts'
import { note, print } from '../io.ts'
import { type Ask, parseAsks } from '../names.ts'
import type { Session } from '../session.ts'

export async function describe(
  session: Session,
  _options: object,
  kind: string,
  names: readonly string[],
): Promise<void> {
  const catalog = await session.client.catalog(session.io.signal)
  const asks = parseAsks([kind, ...names], catalog)
  const events = catalog.resolve('events')
  let shown = 0
  await forEach(
    session.io,
    asks,
    () => '',
    async (ask) => {
      for (const object of await read(session, ask)) {
        if (shown > 0) print(session.io, '\n')
        shown += 1
        for (const text of describeObject(object, session.paint, session.io.clock.now())) print(session.io, text)
        for (const text of await eventLines(session, events, object)) print(session.io, text)
      }
    },
  )
  if (shown === 0) note(session.io, `nothing found in namespace ${session.namespace}`)
}

async function read({ client, io, namespace }: Session, { resource, names }: Ask): Promise<readonly KubeObject[]> {
  if (names.length === 0)
    return (await client.objects.list<KubeObject>(resource, { namespace }, { signal: io.signal })).items
  const objects: KubeObject[] = []
  await forEach(
    io,
    names,
    () => '',
    async (name) => {
      objects.push(await client.objects.get<KubeObject>(resource, { namespace, name }, { signal: io.signal }))
    },
  )
  return objects
}

async function eventLines(
  { client, io, paint }: Session,
  resource: ResourceInfo,
  object: KubeObject,
): Promise<string[]> {
  const { name, uid, namespace = 'default' } = object.metadata
  const about = `involvedObject.kind=${object.kind},involvedObject.name=${name},involvedObject.uid=${uid}`
  const { items } = await client.objects.list<EventObject>(
    resource,
    { namespace, fieldSelector: about },
    { signal: io.signal },
  )
  if (items.length === 0) return ['Events:  none']
  const rows = eventRows(inOrder(items), io.clock.now()).map(([last, type, reason, , message]) => [
    last,
    type,
    reason,
    message,
  ])
  const [header = '', ...lines] = align([['LAST SEEN', 'TYPE', 'REASON', 'MESSAGE'], ...rows])
  return ['Events:', `  ${paint('bold', header)}`, ...lines.map((text) => `  ${text}`)]
}
