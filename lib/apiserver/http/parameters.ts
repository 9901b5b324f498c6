// Query parameters and `DeleteOptions`, checked: a misspelt wish must not become a silent default.
import { ApiError } from '../../errors.ts'
import type { FieldValidation } from '../core/core.ts'
import { isRecord } from '../core/json.ts'
import type { DeleteOptions, Propagation } from '../resources.ts'
import { parseBody } from './body.ts'

const bad = (message: string): ApiError => new ApiError('BadRequest', message)

/** In any case of letters: Python's client sends `watch=True`. @throws ApiError BadRequest */
export function booleanParameter(query: URLSearchParams, name: string): boolean {
  const value = query.get(name)?.toLowerCase() ?? null
  if (value === null || value === 'false' || value === '0') return false
  if (value === '' || value === 'true' || value === '1') return true
  throw bad(`${name} must be true or false`)
}

/** A number from 0 on, or undefined when not given. @throws ApiError BadRequest */
export function numberParameter(query: URLSearchParams, name: string, max: number): number | undefined {
  const value = query.get(name)
  if (value === null || value === '') return undefined
  const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
  if (!(number <= max)) throw bad(`${name} must be a whole number from 0 to ${max}`)
  return number
}

export function dryRunParameter(values: readonly unknown[]): boolean {
  for (const value of values) if (value !== 'All') throw bad('dryRun must be All')
  return values.length > 0
}

export function fieldValidation(query: URLSearchParams): FieldValidation {
  const value = query.get('fieldValidation') ?? ''
  if (value === '') return 'Strict'
  if (value === 'Strict' || value === 'Warn' || value === 'Ignore') return value
  throw bad('fieldValidation must be Strict, Warn or Ignore')
}

/** A revision in a query: null when the client has none (`0` and nothing mean "whatever is there"). @throws ApiError BadRequest */
export function revisionParameter(query: URLSearchParams): bigint | null {
  const value = query.get('resourceVersion') ?? ''
  if (value === '' || value === '0') return null
  if (!/^\d{1,20}$/.test(value)) throw bad('resourceVersion must be one that this server gave')
  return BigInt(value)
}

const DELETE_FIELDS = [
  'apiVersion',
  'kind',
  'preconditions',
  'propagationPolicy',
  'orphanDependents',
  'gracePeriodSeconds',
  'dryRun',
]

/**
 * From the body, and from the query where the body says nothing. `gracePeriodSeconds` is checked and has no effect, as for any custom
 * resource of Kubernetes: how long a stop may take is in the object. @throws ApiError BadRequest
 */
export function deleteOptions(query: URLSearchParams, body: Buffer | undefined, type: string): DeleteOptions {
  const given = body === undefined || body.length === 0 ? {} : parseBody(body, type)
  if (!isRecord(given)) throw bad('the body of a delete must be DeleteOptions')
  const unknown = Object.keys(given).find((key) => !DELETE_FIELDS.includes(key))
  if (unknown !== undefined) throw bad(`DeleteOptions: unknown field ${unknown}`)
  const grace = given.gracePeriodSeconds ?? numberParameter(query, 'gracePeriodSeconds', Number.MAX_SAFE_INTEGER)
  if (grace !== undefined && !(Number.isInteger(grace) && Number(grace) >= 0))
    throw bad('gracePeriodSeconds must be a whole number from 0 on')
  const { uid, resourceVersion } = preconditions(given.preconditions)
  const propagation = propagationOf(given.propagationPolicy ?? query.get('propagationPolicy') ?? undefined)
  const orphan =
    given.orphanDependents ?? (query.has('orphanDependents') ? booleanParameter(query, 'orphanDependents') : null)
  if (orphan !== null && typeof orphan !== 'boolean') throw bad('orphanDependents must be true or false')
  if (orphan !== null && propagation !== undefined)
    throw bad('orphanDependents and propagationPolicy exclude each other')
  const wanted = propagation ?? (orphan === true ? 'Orphan' : undefined)
  const dryRun = Array.isArray(given.dryRun) ? given.dryRun : query.getAll('dryRun')
  return {
    dryRun: dryRunParameter(dryRun),
    ...(wanted === undefined ? {} : { propagation: wanted }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  }
}

function preconditions(given: unknown): { uid?: string; resourceVersion?: string } {
  if (given === undefined || given === null) return {}
  if (!isRecord(given)) throw bad('preconditions must be an object')
  const { uid, resourceVersion, ...others } = given
  if (Object.keys(others).length > 0) throw bad('preconditions can have uid and resourceVersion only')
  for (const value of [uid, resourceVersion])
    if (value !== undefined && value !== null && typeof value !== 'string') throw bad('preconditions must be texts')
  return {
    ...(typeof uid === 'string' ? { uid } : {}),
    ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
  }
}

function propagationOf(value: unknown): Propagation | undefined {
  if (value === undefined || value === '') return undefined
  if (value === 'Background' || value === 'Foreground' || value === 'Orphan') return value
  throw bad('propagationPolicy must be Background, Foreground or Orphan')
}
