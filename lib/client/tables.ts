// Objects as the server's own table: the columns are the server's choice, so every client shows the same.
import { ApiError } from '../errors.ts'
import { type Scope, scopeQuery } from './objects.ts'
import { pathOf, type ResourceInfo } from './paths.ts'
import type { Transport } from './transport.ts'
import { type Followed, follow } from './watch.ts'

export interface TableColumn {
  readonly name: string
  readonly type: string
  /** 0 is always shown, more only in the wide form. */
  readonly priority: number
}

export interface TableRow {
  readonly cells: readonly unknown[]
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

export interface Table {
  readonly columns: readonly TableColumn[]
  readonly rows: readonly TableRow[]
  readonly resourceVersion: string
}

export const TABLE_ACCEPT = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'

type Fields = Readonly<Record<string, unknown>>
const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const text = (value: unknown): string => (typeof value === 'string' ? value : '')

function readRow(value: unknown): TableRow {
  const row: Fields = isRecord(value) ? value : {}
  const object: Fields = isRecord(row.object) ? row.object : {}
  const metadata: Fields = isRecord(object.metadata) ? object.metadata : {}
  return {
    cells: Array.isArray(row.cells) ? row.cells : [],
    namespace: text(metadata.namespace),
    name: text(metadata.name),
    uid: text(metadata.uid),
  }
}

/** @throws ApiError when the value is not a `Table`. */
export function readTable(value: unknown): Table {
  if (!isRecord(value) || value.kind !== 'Table')
    throw new ApiError('NotAcceptable', 'the server did not answer with a table')
  const columns = Array.isArray(value.columnDefinitions) ? value.columnDefinitions.filter(isRecord) : []
  return {
    columns: columns.map((column) => ({
      name: text(column.name),
      type: text(column.type),
      priority: typeof column.priority === 'number' ? column.priority : 0,
    })),
    rows: Array.isArray(value.rows) ? value.rows.map(readRow) : [],
    resourceVersion: isRecord(value.metadata) ? text(value.metadata.resourceVersion) : '',
  }
}

interface TableAsk extends Scope {
  /** One object instead of a list. */
  readonly name?: string
  readonly signal?: AbortSignal
}

const call = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal })

/** The table of a scope, or of one object. */
export async function getTable(transport: Transport, resource: ResourceInfo, ask: TableAsk): Promise<Table> {
  const path = pathOf(resource, { namespace: ask.namespace, name: ask.name })
  return readTable(await transport.json({ path, query: scopeQuery(ask), accept: TABLE_ACCEPT, ...call(ask.signal) }))
}

/** The table, then a table per changed row (in `put` and `gone`; columns only where the server sends them). */
export function followTable(
  transport: Transport,
  resource: ResourceInfo,
  ask: TableAsk,
): AsyncIterable<Followed<Table>> {
  const path = pathOf(resource, { namespace: ask.namespace })
  const scope = ask.name === undefined ? ask : { ...ask, fieldSelector: `metadata.name=${ask.name}`, name: undefined }
  const { name: _, ...list } = scope
  return follow<Table>(
    transport,
    async () => {
      const table = await getTable(transport, resource, list)
      return { items: [table], resourceVersion: table.resourceVersion }
    },
    { path, query: scopeQuery(list), accept: TABLE_ACCEPT, read: readTable, ...call(ask.signal) },
  )
}
