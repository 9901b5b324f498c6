// The record of field owners as clients see it (meta/v1 ManagedFieldsEntry), and what they may send back.
import { ApiError } from '../../errors.ts'
import type { KubeObject } from '../../object.ts'
import { deepEqual, isRecord, type JsonObject } from '../core/json.ts'
import { decodeFields } from './codec.ts'
import { impliedText, type ManagerEntry, type Managers, managersOf, withFields } from './managers.ts'

/** The object with its record as clients read it. Objects without a record are returned as they are. */
export function toWire(schema: JsonObject, object: KubeObject): KubeObject {
  const managers = managersOf(object.metadata)
  if (managers.length === 0) return object
  const managedFields = JSON.parse(recordText(schema, object, managers)) as readonly object[]
  return { ...object, metadata: { ...object.metadata, managedFields } }
}

/** JSON of what {@link toWire} gives, without taking the sets of fields apart: they are text already. */
export function toWireText(schema: JsonObject, object: KubeObject): string {
  const managers = managersOf(object.metadata)
  if (managers.length === 0) return JSON.stringify(object)
  const { apiVersion, kind, metadata, ...rest } = object
  const { managedFields: _, ...plain } = metadata
  const head = JSON.stringify({ apiVersion, kind }).slice(0, -1)
  const meta = `${JSON.stringify(plain).slice(0, -1)},"managedFields":${recordText(schema, object, managers)}}`
  const body = JSON.stringify(rest).slice(1)
  return `${head},"metadata":${meta}${body === '}' ? '' : ','}${body}`
}

function recordText(schema: JsonObject, object: KubeObject, managers: Managers): string {
  const plain = object as unknown as JsonObject
  return `[${managers.flatMap((entry) => entryText(entry, managers, schema, plain)).join(',')}]`
}

function entryText(entry: ManagerEntry, managers: Managers, schema: JsonObject, object: JsonObject): readonly string[] {
  const { fields, time, subresource, ...who } = entry
  const set = fields ?? impliedText(entry, managers, schema, object)
  if (set === null) return []
  const head = JSON.stringify({ ...who, ...(time === undefined ? {} : { time }), fieldsType: 'FieldsV1' }).slice(0, -1)
  return [
    `${head},"fieldsV1":${set}${subresource === undefined ? '' : `,"subresource":${JSON.stringify(subresource)}`}}`,
  ]
}

/**
 * The record that a write other than apply starts from. A client that sends back what it read, or nothing, changes nothing; one entry that
 * is empty clears the record; a list of others takes its place (kubectl moves a client-side apply's fields so). @throws ApiError BadRequest
 */
export function sentManagers(sent: unknown, schema: JsonObject, live: KubeObject): Managers | 'cleared' {
  const stored = managersOf(live.metadata)
  if (!Array.isArray(sent) || sent.length === 0) return stored
  if (sent.length === 1 && isRecord(sent[0]) && Object.values(sent[0]).every((value) => value === null))
    return 'cleared'
  if (deepEqual(sent, toWire(schema, live).metadata.managedFields)) return stored
  return sent.map((entry, index) => readEntry(entry, index))
}

function readEntry(value: unknown, index: number): ManagerEntry {
  const bad = (what: string): ApiError => new ApiError('BadRequest', `metadata.managedFields[${index}]: ${what}`)
  if (!isRecord(value)) throw bad('must be an object')
  const { manager = '', operation, apiVersion, time, subresource, fieldsType, fieldsV1 } = value
  if (operation !== 'Apply' && operation !== 'Update') throw bad('operation must be Apply or Update')
  if (fieldsType !== 'FieldsV1') throw bad('fieldsType must be FieldsV1')
  if (typeof manager !== 'string' || manager.length > 128) throw bad('manager must be a text of at most 128 characters')
  if (typeof apiVersion !== 'string' || apiVersion.length > 253) throw bad('apiVersion must be a text')
  const set = decodeFields(fieldsV1 ?? {})
  if (set === null) throw bad('fieldsV1 is not a set of fields')
  return withFields(
    {
      manager,
      operation,
      apiVersion,
      ...(typeof time === 'string' ? { time } : {}),
      ...(typeof subresource === 'string' && subresource !== '' ? { subresource } : {}),
    },
    set,
  )
}
