// Objects and lists as bytes, in the form a client asked for. One object is encoded once per revision.
import { stringify } from 'yaml'
import type { Clock } from '../../clock.ts'
import type { KubeObject } from '../../object.ts'
import type { JsonObject } from '../core/json.ts'
import { schemaOf } from '../core/schema.ts'
import { toWire, toWireText } from '../fields/wire.ts'
import { apiVersionOf, type ServedKind } from '../registry.ts'
import { type Answer, JSON_TYPE, json } from './answer.ts'
import type { AnswerForm } from './negotiate.ts'
import { inSlices } from './slices.ts'
import { type IncludeObject, partialMetadata, TablePrinter } from './table.ts'

interface Encoded {
  /** JSON and a line's end, which JSON allows within a list as well. */
  readonly text: string
  readonly bytes: number
}

const encodings = new WeakMap<KubeObject, Encoded>()

/** The object as clients see it. */
export const onWire = (served: ServedKind, object: KubeObject): KubeObject => toWire(schemaOf(served).schema, object)

/** An object's line of JSON; stored values are immutable, so it is kept as long as the value. */
function encodingOf(served: ServedKind, object: KubeObject): Encoded {
  const known = encodings.get(object)
  if (known !== undefined) return known
  const text = `${toWireText(schemaOf(served).schema, object)}\n`
  const made = { text, bytes: Buffer.byteLength(text) }
  encodings.set(object, made)
  return made
}

/** An object's JSON, with a line's end. */
export const encodeObject = (served: ServedKind, object: KubeObject): string => encodingOf(served, object).text

const printers = new WeakMap<ServedKind, TablePrinter>()

export function printerOf(served: ServedKind): TablePrinter {
  const known = printers.get(served)
  if (known !== undefined) return known
  const made = new TablePrinter(served.version)
  printers.set(served, made)
  return made
}

const TABLE_TYPE = 'application/json;as=Table;v=v1;g=meta.k8s.io'

export interface RenderContext {
  readonly served: ServedKind
  readonly form: AnswerForm
  readonly include: IncludeObject
  readonly clock: Clock
}

const finish = (form: AnswerForm, code: number, value: unknown, type = JSON_TYPE): Answer =>
  form.encoding === 'yaml' ? { code, type: 'application/yaml', body: stringify(value) } : json(value, code, type)

/** One object; `stored` says that the value is one of the store's and its encoding worth keeping. */
export function renderObject(context: RenderContext, object: KubeObject, code = 200): Answer {
  const { form, served, include, clock } = context
  if (form.as === 'table') {
    const metadata = { resourceVersion: object.metadata.resourceVersion }
    return finish(form, code, printerOf(served).table([object], metadata, include, clock.now()), TABLE_TYPE)
  }
  if (form.as === 'metadata') return finish(form, code, partialMetadata(onWire(served, object)))
  if (form.encoding === 'yaml') return finish(form, code, onWire(served, object))
  const { text, bytes } = encodingOf(served, object)
  return { code, type: JSON_TYPE, body: text, bytes }
}

export interface ListMeta {
  readonly resourceVersion: string
  readonly continue?: string
  readonly remainingItemCount?: number
}

/** A list of any length: its items are rendered one by one, and others get their turn in between. */
export async function renderList(
  context: RenderContext,
  objects: readonly KubeObject[],
  meta: ListMeta,
): Promise<Answer> {
  const { form, served, include, clock } = context
  const metadata: JsonObject = { ...meta }
  if (form.as === 'table') {
    const printer = printerOf(served)
    const now = clock.now()
    const row = (object: KubeObject) => printer.row(object, include, now)
    return listAnswer(form, printer.head(metadata), { field: 'rows', objects, render: row }, TABLE_TYPE)
  }
  if (form.as === 'metadata') {
    const head = { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata }
    const item = (object: KubeObject) => partialMetadata(onWire(served, object))
    return listAnswer(form, head, { field: 'items', objects, render: item })
  }
  const head = {
    kind: `${served.kind.kind}List`,
    apiVersion: apiVersionOf(served.kind.group, served.version.name),
    metadata,
  }
  if (form.encoding === 'yaml') {
    const item = (object: KubeObject) => onWire(served, object)
    return listAnswer(form, head, { field: 'items', objects, render: item })
  }
  const texts = await inSlices(objects, (object) => encodeObject(served, object))
  return { code: 200, type: JSON_TYPE, body: jsonList(head, 'items', texts) }
}

interface ListPart {
  readonly field: string
  readonly objects: readonly KubeObject[]
  readonly render: (object: KubeObject) => object
}

async function listAnswer(
  { encoding }: AnswerForm,
  head: object,
  { field, objects, render }: ListPart,
  type = JSON_TYPE,
): Promise<Answer> {
  if (encoding === 'json') {
    const texts = await inSlices(objects, (object) => JSON.stringify(render(object)))
    return { code: 200, type, body: jsonList(head, field, texts) }
  }
  // A list of one, without its first line, is what stands in a list of many.
  const first = `${field}:\n`
  const texts = await inSlices(objects, (object) => stringify({ [field]: [render(object)] }).slice(first.length))
  const list = texts.length === 0 ? `${field}: []\n` : `${first}${texts.join('')}`
  return { code: 200, type: 'application/yaml', body: `${stringify(head)}${list}` }
}

const jsonList = (head: object, field: string, texts: readonly string[]): string =>
  `${JSON.stringify(head).slice(0, -1)},"${field}":[${texts.join(',')}]}\n`
