// How two values of one field are compared: what is empty, what is the default, what is the same.
import { isDeepStrictEqual } from 'node:util'
import { quantityProblem, toBytes } from '../../lib/quantity.ts'
import type { VirtualMachineSpec } from './schema.ts'
import type { RestartAwaitingChange } from './status.ts'

/** What a change asks for on a running VM, the weakest first. */
export type ApplyAction = 'None' | 'ApplyImmediate' | 'Restart'

export interface SpecChange extends RestartAwaitingChange {
  readonly action: ApplyAction
}

/** A spec or a part of one. */
export type SpecFragment = Partial<VirtualMachineSpec>

interface Comparison {
  readonly action: ApplyAction
  /** Coming from nothing to this value or back needs no action. */
  readonly fallback?: unknown
  readonly equal?: (current: unknown, desired: unknown) => boolean
}

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === 'object' && Object.keys(value).length === 0)

/** The change of one field: none, an addition, a removal or a replacement. */
export function compareValues(
  path: string,
  current: unknown,
  desired: unknown,
  { action, fallback, equal = isDeepStrictEqual }: Comparison,
): readonly SpecChange[] {
  if (isEmpty(current) && isEmpty(desired)) return []
  const isFallback = (value: unknown) => fallback !== undefined && isDeepStrictEqual(value, fallback)
  if (isEmpty(current)) {
    return [{ path, operation: 'add', desiredValue: desired, action: isFallback(desired) ? 'None' : action }]
  }
  if (isEmpty(desired)) {
    return [{ path, operation: 'remove', currentValue: current, action: isFallback(current) ? 'None' : action }]
  }
  return equal(current, desired)
    ? []
    : [{ path, operation: 'replace', currentValue: current, desiredValue: desired, action }]
}

/** Two texts of the same size, such as `1Gi` and `1024Mi`. */
export const sameSize = (a: unknown, b: unknown): boolean => isSize(a) && isSize(b) && toBytes(a) === toBytes(b)

const isSize = (value: unknown): value is string => typeof value === 'string' && quantityProblem(value) === null
