// The record of field owners as clients see it (meta/v1 ManagedFieldsEntry), and what they may send back.
import { ApiError } from '../../errors.ts'
import type { KubeObject } from '../../object.ts'
import { deepEqual, isRecord, type JsonObject } from '../core/json.ts'
import { decodeFields, encodeFields } from './codec.ts'
import { impliedFields, type ManagerEntry, type Managers, managersOf, withFields } from './managers.ts'
import { isEmpty } from './set.ts'

/** The object with its record as clients read it. Objects without a record are returned as they are. */
export function toWire(schema: JsonObject, object: KubeObject): KubeObject {
  const managers = managersOf(object.metadata)
  if (managers.length === 0) return object
  const plain = object as unknown as JsonObject
  const managedFields = managers.flatMap((entry) => wireEntry(entry, managers, schema, plain))
  return { ...object, metadata: { ...object.metadata, managedFields } }
}

function wireEntry(entry: ManagerEntry, managers: Managers, schema: JsonObject, object: JsonObject): JsonObject[] {
  const { fields, time, subresource, ...who } = entry
  const fieldsV1 = fields === undefined ? implied(entry, managers, schema, object) : (JSON.parse(fields) as JsonObject)
  if (fieldsV1 === null) return []
  return [
    {
      ...who,
      ...(time === undefined ? {} : { time }),
      fieldsType: 'FieldsV1',
      fieldsV1,
      ...(subresource === undefined ? {} : { subresource }),
    },
  ]
}

function implied(entry: ManagerEntry, managers: Managers, schema: JsonObject, object: JsonObject): JsonObject | null {
  const set = impliedFields(entry, managers, schema, object)
  return isEmpty(set) ? null : encodeFields(set)
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
