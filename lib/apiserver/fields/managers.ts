// Who owns which fields of an object: the record, and how a write or an apply changes it (Kubernetes' field managers). Pure.
//
// INVARIANT: an entry without `fields` is the server's own: it owns whatever of its half no other entry names. Controllers write
// statuses all day; so that costs a time stamp and no set of fields.
import { isRecord, type JsonObject } from '../core/json.ts'
import { decodeFields, encodeFields } from './codec.ts'
import {
  allFields,
  allFieldsText,
  compare,
  type Difference,
  isSame,
  namedFields,
  withoutSelf,
  written,
} from './compare.ts'
import { difference, EMPTY, equal, type FieldSet, intersection, isEmpty, setOf, union, without } from './set.ts'
import { fieldSchema } from './view.ts'

/** As stored in `metadata.managedFields`. */
export interface ManagerEntry {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  /** RFC 3339: when this manager last changed something. */
  readonly time?: string
  readonly subresource?: string
  /** `fieldsV1` as JSON text, which takes a tenth of the memory of its objects. */
  readonly fields?: string
}

export type Managers = readonly ManagerEntry[]

/** Who writes. */
export interface Writer {
  readonly manager: string
  readonly apiVersion: string
  readonly time: string
  readonly subresource?: 'status'
  /** A controller of this server. */
  readonly own: boolean
}

/** An object with its schema; without the half that the write cannot touch. */
export interface Halves {
  readonly schema: JsonObject
  readonly before: JsonObject
  readonly after: JsonObject
}

/** Entries of updates at most; older ones are joined, as by Kubernetes. */
const MAX_UPDATERS = 10
const ANCIENT = 'ancient-changes'
/** The name under which fields of unknown origin are kept when an object is applied for the first time. */
const BEFORE_FIRST_APPLY = 'before-first-apply'

/** Fields that nobody owns: they are the object's identity or the server's own. */
const UNOWNED_MAIN = ['apiVersion', 'kind']
const UNOWNED_META = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
  'managedFields',
]
const UNOWNED = setOf([
  ...UNOWNED_MAIN.map((field) => [`f:${field}`]),
  ...UNOWNED_META.map((field) => ['f:metadata', `f:${field}`]),
])

/** Without what nobody owns, and without `metadata` and the root themselves. */
export function ownable(set: FieldSet): FieldSet {
  const owned = without(set, UNOWNED)
  const metadata = owned.children.get('f:metadata')
  const children = new Map(owned.children)
  if (metadata !== undefined && metadata.children.size === 0) children.delete('f:metadata')
  else if (metadata?.self) children.set('f:metadata', { ...metadata, self: false })
  return children.size === 0 ? EMPTY : { self: false, children }
}

/** {@link ownable} of {@link allFields} as the text of its `fieldsV1`; null when they are none. Records begin with it, and few are ever taken apart. */
function ownableText(schema: JsonObject, object: JsonObject): string | null {
  const texts: string[] = []
  for (const key of Object.keys(object).sort()) {
    const value = object[key]
    if (value === undefined || UNOWNED_MAIN.includes(key)) continue
    const inner = fieldSchema(schema, key)
    const text = key === 'metadata' ? metaText(inner, value) : allFieldsText(inner, value)
    if (text !== null) texts.push(`${JSON.stringify(`f:${key}`)}:${text}`)
  }
  return texts.length === 0 ? null : `{${texts.join(',')}}`
}

function metaText(schema: JsonObject, metadata: unknown): string | null {
  const entries = Object.entries(isRecord(metadata) ? metadata : {})
  const owned = entries.filter(([field, value]) => value !== undefined && !UNOWNED_META.includes(field))
  return owned.length === 0 ? null : withoutSelf(allFieldsText(schema, Object.fromEntries(owned)))
}

export const fieldsOf = ({ fields }: ManagerEntry): FieldSet =>
  fields === undefined ? EMPTY : (decodeFields(JSON.parse(fields)) ?? EMPTY)

export const withFields = (entry: Omit<ManagerEntry, 'fields'>, set: FieldSet): ManagerEntry => ({
  ...entry,
  fields: JSON.stringify(encodeFields(set)),
})

/** Everything that some entry names. */
export const claimed = (managers: Managers): FieldSet =>
  managers.reduce<FieldSet>((all, entry) => union(all, fieldsOf(entry)), EMPTY)

/** What an entry without fields owns of an object. */
export function impliedFields(
  entry: ManagerEntry,
  managers: Managers,
  schema: JsonObject,
  object: JsonObject,
): FieldSet {
  const { status, ...main } = object
  const half = entry.subresource === 'status' ? (status === undefined ? {} : { status }) : main
  return difference(ownable(allFields(schema, half)), claimed(managers))
}

/** {@link impliedFields} as the text of its `fieldsV1`; null when they are none. */
export function impliedText(
  entry: ManagerEntry,
  managers: Managers,
  schema: JsonObject,
  object: JsonObject,
): string | null {
  // Most statuses have no other owner, and then nobody's fields need to be read.
  const alone = entry.subresource === 'status' && !managers.some(({ fields }) => fields?.includes(STATUS) === true)
  if (alone) return object.status === undefined ? null : withoutSelf(allFieldsText(schema, { status: object.status }))
  const set = impliedFields(entry, managers, schema, object)
  return isEmpty(set) ? null : JSON.stringify(encodeFields(set))
}

const isWriter =
  (writer: Writer, operation: ManagerEntry['operation']) =>
  (entry: ManagerEntry): boolean =>
    entry.operation === operation &&
    entry.manager === writer.manager &&
    entry.subresource === writer.subresource &&
    (operation === 'Apply' || entry.apiVersion === writer.apiVersion)

/** The record of a new object. */
export function afterCreate(writer: Writer, schema: JsonObject, object: JsonObject): Managers {
  const entry = entryOf(writer, 'Update')
  if (writer.own) return [entry]
  const fields = ownableText(schema, object)
  return fields === null ? [] : [{ ...entry, fields }]
}

function entryOf({ manager, apiVersion, time, subresource }: Writer, operation: 'Apply' | 'Update'): ManagerEntry {
  return { manager, operation, apiVersion, time, ...(subresource === undefined ? {} : { subresource }) }
}

/** After a write other than apply. An object without a record gets none: its fields' origin is not known. */
export function afterUpdate(managers: Managers, writer: Writer, { schema, before, after }: Halves): Managers {
  if (managers.length === 0) return managers
  const implied = managers.find((entry) => entry.fields === undefined && isWriter(writer, 'Update')(entry))
  const mine = writer.own && (writer.subresource === 'status' || implied !== undefined)
  // Nobody else has said anything about this half: there is nothing to compare.
  if (mine && !managers.some(({ fields }) => fields !== undefined && mentions(fields, writer))) {
    return sorted([...managers.filter((entry) => !isWriter(writer, 'Update')(entry)), entryOf(writer, 'Update')])
  }
  const changes = ownChanges(compare(schema, before, after))
  if (isSame(changes)) return managers
  const others = giveUp(
    managers.filter((entry) => !isWriter(writer, 'Update')(entry)),
    union(written(changes), changes.removed),
  )
  if (mine) return sorted([...others, entryOf(writer, 'Update')])
  const held = managers.filter(isWriter(writer, 'Update')).reduce((all, entry) => union(all, fieldsOf(entry)), EMPTY)
  const now = union(difference(held, changes.removed), written(changes))
  return capped(isEmpty(now) ? others : [...others, withFields(entryOf(writer, 'Update'), now)])
}

/** As it stands in the text of every set that has a field of the status. */
const STATUS = '"f:status"'

const mentions = (fields: string, { subresource }: Writer): boolean =>
  subresource !== 'status' || fields.includes(STATUS)

const ownChanges = ({ added, modified, removed }: Difference): Difference => ({
  added: ownable(added),
  modified: ownable(modified),
  removed: ownable(removed),
})

/** The entries without these fields; an entry without fields left goes. */
const giveUp = (managers: Managers, lost: FieldSet): Managers =>
  managers.flatMap((entry) => {
    if (entry.fields === undefined || !mayHold(entry.fields, lost)) return [entry]
    const had = fieldsOf(entry)
    const left = difference(had, lost)
    if (equal(left, had)) return [entry]
    return isEmpty(left) ? [] : [withFields(entry, left)]
  })

/** False for a text in which no path of the set can be: one ends with an element that it does not have. */
function mayHold(text: string, set: FieldSet): boolean {
  for (const [element, child] of set.children)
    if (text.includes(JSON.stringify(element)) && (child.self || mayHold(text, child))) return true
  return false
}

export interface Conflict {
  readonly entry: ManagerEntry
  readonly fields: FieldSet
}

export interface Applied {
  readonly managers: Managers
  /** Fields of others that the apply changes; with `force` they are taken. */
  readonly conflicts: readonly Conflict[]
}

/** What an object without a record is taken to have when it is applied for the first time. */
export function firstRecord(managers: Managers, writer: Writer, schema: JsonObject, live: JsonObject): Managers {
  if (managers.length > 0) return managers
  const { status: _, ...main } = live
  const set = ownable(allFields(schema, main))
  const entry = entryOf({ ...writer, manager: BEFORE_FIRST_APPLY }, 'Update')
  return isEmpty(set) ? [] : [withFields(entry, set)]
}

/** What this manager applied last, and what it must leave in place: what it applies now and what others own. */
export function ownership(
  managers: Managers,
  writer: Writer,
  schema: JsonObject,
  applied: JsonObject,
): { readonly last: FieldSet; readonly wanted: FieldSet; readonly keep: FieldSet } {
  const mine = isWriter(writer, 'Apply')
  const last = managers.filter(mine).reduce((all, entry) => union(all, fieldsOf(entry)), EMPTY)
  const wanted = ownable(namedFields(schema, applied))
  return { last, wanted, keep: union(wanted, claimed(managers.filter((entry) => !mine(entry)))) }
}

/** After an apply of `wanted` turned `before` into `after`. */
export function afterApply(managers: Managers, writer: Writer, wanted: FieldSet, halves: Halves): Applied {
  const { schema, before, after } = halves
  const changes = ownChanges(compare(schema, before, after))
  const mine = isWriter(writer, 'Apply')
  const others = managers.filter((entry) => !mine(entry))
  const changed = written(changes)
  const conflicts = others.flatMap((entry): Conflict[] => {
    const held = entry.fields === undefined ? impliedFields(entry, managers, schema, before) : fieldsOf(entry)
    const fields = intersection(held, changed)
    return isEmpty(fields) ? [] : [{ entry, fields }]
  })
  const left = giveUp(others, union(changed, changes.removed))
  const entry = withFields(entryOf(writer, 'Apply'), wanted)
  const old = managers.find(mine)
  const same =
    isSame(changes) && old !== undefined && old.fields === entry.fields && old.apiVersion === entry.apiVersion
  if (same) return { managers, conflicts }
  // Also a manager that wants nothing is kept: the object has a record then.
  return { managers: sorted([...left, entry]), conflicts }
}

/** Whether two records differ in nothing but times: such a change alone is not worth a write. */
export const sameOwners = (a: Managers, b: Managers): boolean =>
  a.length === b.length && a.map(ownerText).sort().join() === b.map(ownerText).sort().join()

const ownerText = ({ time: _, ...entry }: ManagerEntry): string => JSON.stringify(Object.entries(entry).sort())

/** Applies first, then by time and name, as Kubernetes lists them. */
const sorted = (managers: Managers): Managers =>
  [...managers].sort(
    (a, b) =>
      compareText(a.operation, b.operation) ||
      compareText(a.time ?? '', b.time ?? '') ||
      compareText(a.manager, b.manager) ||
      compareText(a.subresource ?? '', b.subresource ?? ''),
  )

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function capped(managers: Managers): Managers {
  const ordered = sorted(managers)
  const updaters = ordered.filter(({ operation, fields }) => operation === 'Update' && fields !== undefined)
  const over = updaters.length - MAX_UPDATERS
  if (over <= 0) return ordered
  const excess = updaters.slice(0, over + 1)
  const joined = excess.reduce<FieldSet>((all, entry) => union(all, fieldsOf(entry)), EMPTY)
  const { apiVersion = '', time } = excess.at(-1) ?? {}
  const ancient = {
    manager: ANCIENT,
    operation: 'Update' as const,
    apiVersion,
    ...(time === undefined ? {} : { time }),
  }
  return sorted([withFields(ancient, joined), ...ordered.filter((entry) => !excess.includes(entry))])
}

/** The record of a stored object; an object of an earlier release has none. */
export function managersOf(metadata: unknown): Managers {
  const given = isRecord(metadata) ? metadata.managedFields : undefined
  return Array.isArray(given) ? (given as Managers) : []
}
