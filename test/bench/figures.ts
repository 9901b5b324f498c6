// Figures of the bench: what a row measured, what it may be, and whether it is. Pure.

export type Unit = 'ms' | '×' | 'MiB' | 'KiB' | '% of a core' | '/s' | 'moves'

/** What is compared: a figure and the most (with `atLeast`: the least) that it may be. */
export interface Budget {
  readonly limit: number
  readonly unit: Unit
  readonly atLeast?: true
}

/** CPU that was spent while a row was measured, in milliseconds; the load generator's apart from the agent's. */
export interface CpuSpent {
  readonly agentMs: number
  readonly loadMs: number
}

/** One line of the table. */
export interface Row {
  /** Stable name for programs. */
  readonly id: string
  /** For people. */
  readonly what: string
  /** Null for what is told and not judged; `unit` says what it is in then. */
  readonly budget: Budget | null
  readonly unit?: Unit
  readonly value: number
  /** What the figure was made of, in words: counts, the other side of the pair. */
  readonly detail: string
  /** What `value` is the middle (or the percentile) of: the figure of each run, in the row's unit. */
  readonly values: readonly number[]
  /** Everything measured, for those who want another statistic. */
  readonly samples: Readonly<Record<string, readonly number[]>>
  readonly cpu: CpuSpent
}

export function isWithin({ value, budget }: Row): boolean {
  if (budget === null) return true
  return budget.atLeast ? value >= budget.limit : value <= budget.limit
}

export const unitOf = ({ budget, unit }: Row): Unit | '' => unit ?? budget?.unit ?? ''

/** `≤ 40 ms`; empty without a budget. */
export const showBudget = ({ budget }: Row): string =>
  budget === null ? '' : `${budget.atLeast ? '≥' : '≤'} ${budget.limit} ${budget.unit}`

/** @throws TypeError without samples: a figure of nothing is no figure */
export function percentile(samples: readonly number[], percent: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]
  if (value === undefined) throw new TypeError('no samples')
  return value
}

/** The middle; between the two middle ones of an even count. @throws TypeError without samples */
export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.ceil((sorted.length - 1) / 2)]]
  if (low === undefined || high === undefined) throw new TypeError('no samples')
  return (low + high) / 2
}

/** One decimal below 100, none above. */
export const show = (value: number): string =>
  Math.abs(value) < 100 ? value.toFixed(value < 10 ? 2 : 1) : value.toFixed(0)
