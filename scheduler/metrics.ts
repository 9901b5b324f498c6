// The scheduler's own metrics, beside those of every server. A new one is a constant here and an entry of SCHEDULER_METRICS.
import { SERVER_METRICS } from '../lib/metrics/catalogue.ts'
import type { MetricDef } from '../lib/metrics/define.ts'

/** Every metric that the scheduler has, in the order of a scrape. */
export const SCHEDULER_METRICS: readonly MetricDef[] = [...SERVER_METRICS]
