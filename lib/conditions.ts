// Conditions of an object's status as pure functions over the list: set, find, remove. What may be said is declared first, with what it means.
import type { Advice } from './advice.ts'
import { timestamp } from './clock.ts'
import type { Condition } from './object.ts'

type Truth = Condition['status']

/** A reason, with the status that it is said with. */
export interface ReasonAdvice extends Advice {
  readonly status: Truth | readonly Truth[]
}

export interface ConditionAdvice {
  /** What the condition tells when it is `True`. */
  readonly means: string
  readonly reasons: Readonly<Record<string, ReasonAdvice>>
}

/** Every condition that a kind may have, by type. */
export type ConditionTable = Readonly<Record<string, ConditionAdvice>>

type StatusOf<A extends ReasonAdvice> = A['status'] extends readonly (infer S)[]
  ? Extract<S, Truth>
  : Extract<A['status'], Truth>

/** What a controller may say of that table; the rest is kept by `set`. */
export type ConditionOf<T extends ConditionTable> = {
  [C in keyof T & string]: {
    [R in keyof T[C]['reasons'] & string]: {
      readonly type: C
      readonly status: StatusOf<T[C]['reasons'][R]>
      readonly reason: R
      /** For people. Never contains secret values. */
      readonly message?: string
    }
  }[keyof T[C]['reasons'] & string]
}[keyof T & string]

/** A state of any table. */
type State = Pick<Condition, 'type' | 'status' | 'reason'> & { readonly message?: string }

/** The declared conditions of one kind; nothing else can be set. */
export interface Conditions<T extends ConditionTable> {
  /** Kinds that have them, for people. */
  readonly kind: string
  readonly table: T
  /**
   * The list with this condition set, sorted by type. `lastTransitionTime` moves only when the status changes;
   * when nothing changes, the same list is returned.
   */
  set(
    list: readonly Condition[] | undefined,
    state: ConditionOf<T>,
    generation: number | undefined,
    nowMs: number,
  ): readonly Condition[]
}

export const defineConditions = <const T extends ConditionTable>(kind: string, table: T): Conditions<T> => ({
  kind,
  table,
  set: (list, state: State, generation, nowMs) => setCondition(list, state, generation, nowMs),
})

/** The condition of that type. */
export const getCondition = (list: readonly Condition[] | undefined, type: string): Condition | undefined =>
  list?.find((condition) => condition.type === type)

/** True when the condition is there with status `True`. */
export const isTrue = (list: readonly Condition[] | undefined, type: string): boolean =>
  getCondition(list, type)?.status === 'True'

function setCondition(
  list: readonly Condition[] | undefined,
  state: State,
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
