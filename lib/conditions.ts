// Conditions of an object's status as pure functions over the list: set, find, remove.
import { timestamp } from './clock.ts'
import type { Condition } from './object.ts'

/** What a controller says; the rest is kept by {@link setCondition}. */
export type ConditionState = Pick<Condition, 'type' | 'status' | 'reason'> & { readonly message?: string }

/** The condition of that type. */
export const getCondition = (list: readonly Condition[] | undefined, type: string): Condition | undefined =>
  list?.find((condition) => condition.type === type)

/** True when the condition is there with status `True`. */
export const isTrue = (list: readonly Condition[] | undefined, type: string): boolean =>
  getCondition(list, type)?.status === 'True'

/**
 * The list with this condition set, sorted by type. `lastTransitionTime` moves only when the status changes;
 * when nothing changes, the same list is returned.
 */
export function setCondition(
  list: readonly Condition[] | undefined,
  state: ConditionState,
  generation: number | undefined,
  nowMs: number,
): readonly Condition[] {
  const old = getCondition(list, state.type)
  const next: Condition = {
    type: state.type,
    status: state.status,
    reason: state.reason,
    message: state.message ?? '',
    lastTransitionTime: old?.status === state.status ? old.lastTransitionTime : timestamp(nowMs),
    ...(generation !== undefined && { observedGeneration: generation }),
  }
  if (list && old && same(old, next)) return list
  return [...(list ?? []).filter((condition) => condition !== old), next].sort(byType)
}

/** The list without conditions of that type; the same list when there is none. */
export function removeCondition(list: readonly Condition[] | undefined, type: string): readonly Condition[] {
  if (!list) return []
  return getCondition(list, type) ? list.filter((condition) => condition.type !== type) : list
}

const same = (a: Condition, b: Condition): boolean =>
  a.status === b.status &&
  a.reason === b.reason &&
  a.message === b.message &&
  a.observedGeneration === b.observedGeneration

const byType = (a: Condition, b: Condition): number => (a.type < b.type ? -1 : a.type > b.type ? 1 : 0)
