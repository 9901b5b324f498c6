// What a metric is before anybody counts: a constant with name, help and labels. Lists of them are catalogues (catalogue.ts).

/**
 * `counter` and `histogram` are counted where something happens. A `gauge` is asked for at the scrape, and so is a `sum`: a figure that only
 * grows and that somebody else counts (the kernel, libvirt); Prometheus calls it a counter too.
 */
export type MetricKind = 'counter' | 'histogram' | 'gauge' | 'sum'

export interface MetricDef<K extends MetricKind = MetricKind, L extends string = string> {
  readonly kind: K
  /** Prometheus' naming: base units, `_total` for counters. */
  readonly name: string
  /** One sentence without a full stop: what it counts, and what a label means where its name does not say so. */
  readonly help: string
  /** Each must have a bounded set of values. */
  readonly labels: readonly L[]
  /** Of a histogram: upper bounds, ascending. */
  readonly buckets?: readonly number[]
}

export type Labels<L extends string> = Readonly<Record<L, string>>

/** Seconds: from a call that costs nothing to one that was given up. */
export const DURATIONS = [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 2, 10, 30] as const

export const counter = <const L extends string = never>(
  name: string,
  help: string,
  labels: readonly L[] = [],
): MetricDef<'counter', L> => ({ kind: 'counter', name, help, labels })

export const gauge = <const L extends string = never>(
  name: string,
  help: string,
  labels: readonly L[] = [],
): MetricDef<'gauge', L> => ({ kind: 'gauge', name, help, labels })

export const sum = <const L extends string = never>(
  name: string,
  help: string,
  labels: readonly L[] = [],
): MetricDef<'sum', L> => ({ kind: 'sum', name, help, labels })

export const histogram = <const L extends string = never>(
  name: string,
  help: string,
  labels: readonly L[] = [],
  buckets: readonly number[] = DURATIONS,
): MetricDef<'histogram', L> => ({ kind: 'histogram', name, help, labels, buckets })
