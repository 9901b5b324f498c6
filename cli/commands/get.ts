// `berth get`: objects as the server's table or in full, once or with every change.

import type { Scope } from '../../lib/client/objects.ts'
import { groupResource, pathOf, printedName, type ResourceInfo } from '../../lib/client/paths.ts'
import { followTable, getTable, type Table, type TableColumn, type TableRow } from '../../lib/client/tables.ts'
import type { KubeObject } from '../../lib/object.ts'
import { forEach } from '../each.ts'
import { TablePrinter } from '../format/tables.ts'
import { note, print } from '../io.ts'
import { type Ask, parseAsks } from '../names.ts'
import type { Session } from '../session.ts'
import { UsageError } from '../usage.ts'

export interface GetOptions {
  readonly allNamespaces?: boolean
  readonly selector?: string
  readonly fieldSelector?: string
  readonly output?: 'wide' | 'json' | 'yaml' | 'name'
  readonly watch?: boolean
  readonly headers: boolean
}

export async function get(session: Session, options: GetOptions, words: readonly string[]): Promise<void> {
  const asks = parseAsks(words, await session.client.catalog(session.io.signal))
  checkOptions(asks, options)
  if (options.watch) return await watch(session, options, asks)
  if (options.output === undefined || options.output === 'wide') return await tables(session, options, asks)
  await documents(session, options, options.output, asks)
}

function checkOptions(asks: readonly Ask[], options: GetOptions): void {
  const named = asks.some(({ names }) => names.length > 0)
  if (named && options.allNamespaces) throw new UsageError('an object is named within one namespace: use -n, not -A')
  if (named && (options.selector ?? options.fieldSelector) !== undefined)
    throw new UsageError('give names or selectors, not both')
  if (options.watch && (asks.length !== 1 || (asks[0]?.names.length ?? 0) > 1))
    throw new UsageError('-w follows one kind, or one object')
}

const scopeOf = (session: Session, options: GetOptions): Scope => ({
  namespace: options.allNamespaces ? undefined : session.namespace,
  labelSelector: options.selector,
  fieldSelector: options.fieldSelector,
})

const printerOf = (session: Session, options: GetOptions, resource: ResourceInfo, several: boolean): TablePrinter =>
  new TablePrinter(
    {
      wide: options.output === 'wide',
      namespaces: options.allNamespaces === true && resource.namespaced,
      headers: options.headers,
      namePrefix: several ? printedName(resource, '') : '',
    },
    session.paint,
    session.io.clock.now,
  )

/** One table per kind; `KIND/NAME` pairs of one kind share theirs. */
async function tables(session: Session, options: GetOptions, asks: readonly Ask[]): Promise<void> {
  const grouped = groupAsks(asks)
  let shown = 0
  await forEach(
    session.io,
    grouped,
    () => '',
    async ({ resource, names }) => {
      const found: Table[] = []
      try {
        if (names.length === 0)
          found.push(
            await getTable(session.client.transport, resource, {
              ...scopeOf(session, options),
              signal: session.io.signal,
            }),
          )
        else
          await forEach(
            session.io,
            names,
            () => '',
            async (name) => {
              found.push(
                await getTable(session.client.transport, resource, {
                  namespace: session.namespace,
                  name,
                  signal: session.io.signal,
                }),
              )
            },
          )
      } finally {
        const rows = found.flatMap((table) => table.rows)
        if (rows.length > 0) {
          const columns = found[0]?.columns ?? []
          if (shown > 0) print(session.io, '')
          shown += 1
          const printer = printerOf(session, options, resource, grouped.length > 1)
          for (const text of printer.lines({ columns, rows, resourceVersion: '' })) print(session.io, text)
        }
      }
    },
  )
  if (shown === 0) note(session.io, nothing(session, options, grouped))
}

function groupAsks(asks: readonly Ask[]): Ask[] {
  const groups = new Map<string, Ask>()
  for (const { resource, names } of asks) {
    const key = groupResource(resource)
    groups.set(key, { resource, names: [...(groups.get(key)?.names ?? []), ...names] })
  }
  return [...groups.values()]
}

function nothing(session: Session, options: GetOptions, asks: readonly Ask[]): string {
  const what = asks.map(({ resource }) => resource.plural).join(', ')
  const everywhere = options.allNamespaces || asks.every(({ resource }) => !resource.namespaced)
  return `no ${what} found${everywhere ? '' : ` in namespace ${session.namespace}`}`
}

async function documents(
  session: Session,
  options: GetOptions,
  form: 'json' | 'yaml' | 'name',
  asks: readonly Ask[],
): Promise<void> {
  const { asList, forReading, toJson, toYaml } = await import('../format/documents.ts')
  const { client, io, namespace } = session
  const items: KubeObject[] = []
  const one = asks.length === 1 && asks[0]?.names.length === 1
  try {
    await forEach(
      io,
      asks,
      () => '',
      async ({ resource, names }) => {
        const before = items.length
        if (names.length === 0)
          items.push(
            ...(await client.objects.list<KubeObject>(resource, scopeOf(session, options), { signal: io.signal }))
              .items,
          )
        else
          await forEach(
            io,
            names,
            () => '',
            async (name) => {
              items.push(await client.objects.get<KubeObject>(resource, { namespace, name }, { signal: io.signal }))
            },
          )
        if (form === 'name')
          for (const item of items.slice(before)) print(io, printedName(resource, item.metadata.name))
      },
    )
  } finally {
    if (form !== 'name' && (!one || items.length > 0)) {
      const shown = items.map(forReading)
      const value = one ? shown[0] : asList(shown)
      print(io, form === 'json' ? toJson(value) : toYaml(value))
    }
  }
}

async function watch(session: Session, options: GetOptions, [ask]: readonly Ask[]): Promise<void> {
  if (ask === undefined) return
  const { client, io } = session
  const [name] = ask.names
  // Names a missing object at once instead of waiting for it for ever.
  if (name !== undefined)
    await client.transport.json({
      path: pathOf(ask.resource, { namespace: session.namespace, name }),
      signal: io.signal,
    })
  if (options.output === undefined || options.output === 'wide')
    return await watchTable(session, options, ask.resource, name)
  await watchDocuments(session, options, options.output, ask.resource, name)
}

async function watchTable(
  session: Session,
  options: GetOptions,
  resource: ResourceInfo,
  name: string | undefined,
): Promise<void> {
  const { io, client } = session
  const printer = printerOf(session, options, resource, false)
  const last = new Map<string, string>()
  let columns: readonly TableColumn[] = []
  // A row whose shown cells are as before is no news, and ages grow by themselves.
  const tells = ({ type, priority }: TableColumn) => type !== 'date' && (options.output === 'wide' || priority === 0)
  const fresh = (row: TableRow): boolean => {
    const text = JSON.stringify(row.cells.filter((_, index) => columns[index] !== undefined && tells(columns[index])))
    const before = last.get(row.uid)
    last.set(row.uid, text)
    return before !== text
  }
  const scope = { ...scopeOf(session, options), ...(name === undefined ? {} : { name }), signal: io.signal }
  for await (const change of followTable(client.transport, resource, scope)) {
    const table = change.type === 'sync' ? change.items[0] : change.object
    if (table === undefined) continue
    if (table.columns.length > 0) columns = table.columns
    const rows = change.type === 'gone' ? table.rows : table.rows.filter(fresh)
    if (rows.length > 0) for (const text of printer.lines({ ...table, rows })) print(io, text)
  }
}

async function watchDocuments(
  session: Session,
  options: GetOptions,
  form: 'json' | 'yaml' | 'name',
  resource: ResourceInfo,
  name: string | undefined,
): Promise<void> {
  const { forReading, toJson, toYaml } = await import('../format/documents.ts')
  const { io, client } = session
  const seen = new Map<string, string>()
  const show = (object: KubeObject) => {
    if (seen.get(object.metadata.uid) === object.metadata.resourceVersion) return
    seen.set(object.metadata.uid, object.metadata.resourceVersion)
    if (form === 'name') print(io, printedName(resource, object.metadata.name))
    else print(io, form === 'json' ? toJson(forReading(object)) : `---\n${toYaml(forReading(object))}`)
  }
  const scope = scopeOf(session, options)
  const selected = name === undefined ? scope : { ...scope, fieldSelector: `metadata.name=${name}` }
  for await (const change of client.objects.follow<KubeObject>(resource, selected, { signal: io.signal }))
    for (const object of change.type === 'sync' ? change.items : [change.object]) show(object)
}
