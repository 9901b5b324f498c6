// `Table` answers: rows and cells rendered by the server, for `kubectl get` (meta.k8s.io/v1).
import type { PrinterColumn, VersionDef } from '../../../schemas/kind.ts'
import type { KubeObject } from '../../object.ts'
import { isRecord, type JsonObject } from '../core/json.ts'
import { humanAge } from './age.ts'
import { compileJsonPath, type JsonPath } from './jsonpath.ts'

/** What each row carries of its object. */
export type IncludeObject = 'None' | 'Metadata' | 'Object'

interface Column {
  readonly definition: JsonObject
  readonly type: PrinterColumn['type']
  readonly find: JsonPath
}

const NAME: PrinterColumn = { name: 'Name', type: 'string', jsonPath: '.metadata.name', priority: 0 }
const AGE: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', priority: 0 }

/** Renders objects of one version of a kind. */
export class TablePrinter {
  readonly #columns: readonly Column[]

  constructor(version: VersionDef) {
    const own = version.columns.length === 0 ? [AGE] : version.columns
    const shown = own.some((column) => column.name === NAME.name) ? own : [NAME, ...own]
    this.#columns = shown.map((column) => ({
      definition: {
        name: column.name,
        type: column.type,
        format: column.name === NAME.name ? 'name' : '',
        description: '',
        priority: column.priority,
      },
      type: column.type,
      find: findOf(column),
    }))
  }

  /** @param now milliseconds since the epoch, for ages. `headers` false leaves the column definitions out (later events of a watch). */
  table(
    objects: readonly KubeObject[],
    metadata: JsonObject,
    include: IncludeObject,
    now: number,
    headers = true,
  ): JsonObject {
    return { ...this.head(metadata, headers), rows: objects.map((object) => this.row(object, include, now)) }
  }

  /** A table without its rows. */
  head(metadata: JsonObject, headers = true): JsonObject {
    return {
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata,
      columnDefinitions: headers ? this.#columns.map((column) => column.definition) : [],
    }
  }

  row(object: KubeObject, include: IncludeObject, now: number): JsonObject {
    return {
      cells: this.#columns.map((column) => cell(column, object, now)),
      ...(include === 'None'
        ? {}
        : { object: withoutRecord(include === 'Object' ? { ...object } : partialMetadata(object)) }),
    }
  }
}

function findOf({ jsonPath, words }: PrinterColumn): JsonPath {
  return words === undefined ? compileJsonPath(jsonPath) : (object) => [words(object as KubeObject)]
}

function cell({ type, find }: Column, object: KubeObject, now: number): unknown {
  const [value] = find(object)
  if (value === undefined || value === null) return null
  if (type === 'date') return humanAge(value, now)
  if (type === 'string') return typeof value === 'object' ? JSON.stringify(value) : String(value)
  if (type === 'boolean') return typeof value === 'boolean' ? value : null
  if (typeof value !== 'number') return null
  return type === 'integer' ? Math.trunc(value) : value
}

/** Rows carry objects for names and sorting; who owns which field would only weigh. */
function withoutRecord({ metadata, ...rest }: JsonObject): JsonObject {
  const { managedFields: _, ...shown } = isRecord(metadata) ? metadata : {}
  return { ...rest, metadata: shown }
}

/** An object without everything but its metadata. */
export const partialMetadata = ({ metadata }: KubeObject): JsonObject => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata: isRecord(metadata) ? metadata : {},
})
