// What was counted, by name and labels, for tests of those who count.
import type { Counts } from '../../lib/metrics/metrics.ts'

/** Counts of counters, and values of histograms, by `name{label=value}`. */
export class Counted implements Counts {
  readonly counts: Record<string, number> = {}
  readonly values: Record<string, number[]> = {}

  inc: Counts['inc'] = ({ name }, labels, by = 1) => {
    const key = keyOf(name, labels)
    this.counts[key] = (this.counts[key] ?? 0) + by
  }

  observe: Counts['observe'] = ({ name }, labels, value) => {
    const key = keyOf(name, labels)
    this.values[key] = [...(this.values[key] ?? []), value]
  }
}

const keyOf = (name: string, labels: Readonly<Record<string, string>>): string => {
  const words = Object.entries(labels).map(([label, value]) => `${label}=${value}`)
  return words.length === 0 ? name : `${name}{${words.join(',')}}`
}
