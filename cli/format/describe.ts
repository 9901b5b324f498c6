// An object as text for people: metadata, what is asked for, what is, conditions as a table.
import { stringify } from 'yaml'
import type { Condition, KubeObject } from '../../lib/object.ts'
import { LAST_APPLIED } from '../apply/last-applied.ts'
import { ageOf } from '../duration.ts'
import type { Paint } from './colour.ts'
import { align, line, widths } from './columns.ts'
import { manyLines, oneLine } from './text.ts'

type Fields = Readonly<Record<string, unknown>>
const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Fields of a Secret that only show their size. */
const HIDDEN_IN_SECRET = ['data', 'stringData']

export function describeObject(object: KubeObject, paint: Paint, now: number): string[] {
  const { apiVersion, kind, metadata, status, ...body } = object
  const shownStatus = isRecord(status) ? without(status, 'conditions') : {}
  const conditions = isRecord(status) && Array.isArray(status.conditions) ? status.conditions.filter(isCondition) : []
  return [
    ...align(heading(object, now)),
    ...Object.entries(body).flatMap(([key, value]) =>
      block(key, kind === 'Secret' && HIDDEN_IN_SECRET.includes(key) ? sizes(value) : value, paint),
    ),
    ...block('status', shownStatus, paint),
    ...conditionTable(conditions, paint, now),
  ]
}

function heading({ apiVersion, kind, metadata }: KubeObject, now: number): string[][] {
  const { [LAST_APPLIED]: _, ...annotations } = metadata.annotations ?? {}
  const owners = (metadata.ownerReferences ?? []).map((owner) => `${owner.kind}/${owner.name}`)
  const rows: (readonly [string, string | undefined])[] = [
    ['Name:', metadata.name],
    ['Namespace:', metadata.namespace],
    ['Kind:', `${kind} (${apiVersion})`],
    ...pairs('Labels:', metadata.labels ?? {}),
    ...pairs('Annotations:', annotations),
    ['Created:', `${metadata.creationTimestamp} (${ageOf(metadata.creationTimestamp, now)} ago)`],
    ['Deleting:', metadata.deletionTimestamp && `since ${metadata.deletionTimestamp}`],
    ['Finalizers:', metadata.finalizers?.join(', ')],
    ['Owned by:', owners.join(', ')],
  ]
  return rows.flatMap(([label, text]) => (text === undefined || text === '' ? [] : [[label, oneLine(text)]]))
}

/** One per line, the label on the first. */
const pairs = (label: string, fields: Readonly<Record<string, string>>): (readonly [string, string])[] =>
  Object.entries(fields).map(([key, value], index) => [index === 0 ? label : '', `${key}=${value}`])

/** A top-level field as indented YAML: the names are those to write in a manifest. */
function block(key: string, value: unknown, paint: Paint): string[] {
  if (value === undefined || (isRecord(value) && Object.keys(value).length === 0)) return []
  const title = `${key.charAt(0).toUpperCase()}${key.slice(1)}:`
  if (typeof value !== 'object' || value === null) return [`${paint('bold', title)} ${oneLine(String(value))}`]
  const text = manyLines(stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd())
  return [paint('bold', title), ...text.split('\n').map((part) => `  ${part}`)]
}

function conditionTable(conditions: readonly Condition[], paint: Paint, now: number): string[] {
  if (conditions.length === 0) return []
  const header = ['TYPE', 'STATUS', 'REASON', 'SINCE', 'MESSAGE']
  const rows = conditions.map(({ type, status, reason, message, lastTransitionTime }) =>
    [type, status, reason, ageOf(lastTransitionTime, now), message ?? ''].map(oneLine),
  )
  const sized = widths([header, ...rows])
  // True is not always good (`AwaitingRestartToApplyConfiguration`), so only doubt is coloured.
  const doubt = (cell: string, index: number) => (index === 1 && cell === 'Unknown' ? paint('yellow', cell) : cell)
  const body = rows.map((row) => line(row, sized, doubt))
  return [paint('bold', 'Conditions:'), `  ${paint('bold', line(header, sized))}`, ...body.map((text) => `  ${text}`)]
}

const isCondition = (value: unknown): value is Condition =>
  isRecord(value) && ['type', 'status', 'reason'].every((key) => typeof value[key] === 'string')

const without = (fields: Fields, key: string): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => name !== key))

function sizes(data: unknown): unknown {
  if (!isRecord(data)) return data
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, `${Buffer.from(String(value), 'base64').length} bytes`]),
  )
}
