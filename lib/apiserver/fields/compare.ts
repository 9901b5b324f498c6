// Which fields a value has, and which of them differ between two values (structured-merge-diff's ToFieldSet and Compare).
import { deepEqual, isRecord, type JsonObject } from '../core/json.ts'
import { EMPTY, type FieldSet, isEmpty, LEAF, nodeOf, union } from './set.ts'
import { fieldSchema, isAtomic, type Part, type View, viewOf } from './view.ts'

/** The fields that an applied configuration names: its leaves, empty objects, and items of lists. */
export function namedFields(schema: JsonObject, value: unknown): FieldSet {
  return named(schema, value, false)
}

function named(schema: JsonObject, value: unknown, item: boolean): FieldSet {
  const view = viewOf(schema, value)
  if (view.kind === 'whole') return LEAF
  const children = view.parts.map(
    (part) => [part.element, named(part.schema, part.value, view.kind !== 'fields')] as const,
  )
  return nodeOf(item || children.length === 0, children)
}

/** Every field of a value, the objects and lists around others included. */
export function allFields(schema: JsonObject, value: unknown): FieldSet {
  const view = viewOf(schema, value)
  if (view.kind === 'whole') return LEAF
  return nodeOf(
    true,
    view.parts.map((part) => [part.element, allFields(part.schema, part.value)] as const),
  )
}

/** `fieldsV1` of {@link allFields} as text, at a fifth of the work: statuses are read far more often than they are compared. */
export function allFieldsText(schema: JsonObject, value: unknown): string {
  if (typeof value !== 'object' || value === null) return '{}'
  if (isRecord(value)) return isAtomic(schema) ? '{}' : fieldsText(schema, value)
  const view = viewOf(schema, value)
  if (view.kind === 'whole' || view.parts.length === 0) return '{}'
  const parts = [...view.parts].sort((a, b) => (a.element < b.element ? -1 : 1))
  const texts = parts.map((part) => `${JSON.stringify(part.element)}:${allFieldsText(part.schema, part.value)}`)
  return `{".":{},${texts.join(',')}}`
}

/** The same of an object's fields, which are most of a status. */
function fieldsText(schema: JsonObject, object: JsonObject): string {
  let text = ''
  for (const key of Object.keys(object).sort())
    if (object[key] !== undefined)
      text += `,${JSON.stringify(`f:${key}`)}:${allFieldsText(fieldSchema(schema, key), object[key])}`
  return text === '' ? '{}' : `{".":{}${text}}`
}

/** `fieldsV1` as text without the field that it begins with: the value itself. */
export const withoutSelf = (text: string): string => (text.startsWith(SELF) ? `{${text.slice(SELF.length)}` : text)
const SELF = '{".":{},'

export interface Difference {
  readonly added: FieldSet
  readonly modified: FieldSet
  readonly removed: FieldSet
}

const SAME: Difference = { added: EMPTY, modified: EMPTY, removed: EMPTY }

/** What became of each field from `before` to `after`. */
export function compare(schema: JsonObject, before: unknown, after: unknown): Difference {
  if (before === after) return SAME
  const old = viewOf(schema, before)
  const next = viewOf(schema, after)
  if (old.kind !== 'whole' && old.kind === next.kind) return compareParts(old.parts, next.parts)
  if (deepEqual(before, after)) return SAME
  // Of another shape altogether: what was below is gone, what is below is new.
  return {
    added: below(schema, next, after),
    modified: LEAF,
    removed: below(schema, old, before),
  }
}

const below = (schema: JsonObject, view: View, value: unknown): FieldSet =>
  view.kind === 'whole' ? EMPTY : nodeOf(false, allFields(schema, value).children)

function compareParts(before: readonly Part[], after: readonly Part[]): Difference {
  const old = new Map(before.map((part) => [part.element, part]))
  const added: [string, FieldSet][] = []
  const modified: [string, FieldSet][] = []
  const removed: [string, FieldSet][] = []
  for (const { element, schema, value } of after) {
    const was = old.get(element)
    old.delete(element)
    if (was === undefined) {
      added.push([element, allFields(schema, value)])
      continue
    }
    const inside = compare(schema, was.value, value)
    if (inside === SAME) continue
    added.push([element, inside.added])
    modified.push([element, inside.modified])
    removed.push([element, inside.removed])
  }
  for (const { element, schema, value } of old.values()) removed.push([element, allFields(schema, value)])
  if (added.length + modified.length + removed.length === 0) return SAME
  return { added: nodeOf(false, added), modified: nodeOf(false, modified), removed: nodeOf(false, removed) }
}

export const written = ({ added, modified }: Difference): FieldSet => union(added, modified)

export const isSame = ({ added, modified, removed }: Difference): boolean =>
  isEmpty(added) && isEmpty(modified) && isEmpty(removed)
