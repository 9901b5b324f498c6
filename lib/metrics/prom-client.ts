// The parts of prom-client that we use, file by file: its index brings OpenTelemetry, default metrics and a digest for quantiles along,
// 10 MiB of memory for nothing; these three take half a MiB.
import { createRequire } from 'node:module'
import type * as PromClient from 'prom-client'

const load = createRequire(import.meta.url)

export const Counter = load('prom-client/lib/counter.js') as typeof PromClient.Counter
export const Histogram = load('prom-client/lib/histogram.js') as typeof PromClient.Histogram
export const Registry = load('prom-client/lib/registry.js') as typeof PromClient.Registry
