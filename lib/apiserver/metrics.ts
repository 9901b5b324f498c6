// Counts requests, refusals, and what is open. Hears of them as the audit log does.
import { API_DURATION, API_REFUSALS, API_REQUESTS, API_STREAMS, API_WATCHES } from '../metrics/catalogue.ts'
import type { Collector, Counts } from '../metrics/metrics.ts'
import type { Attributes } from './auth/attributes.ts'
import type { Exchange, Observe } from './auth/observe.ts'

/** Values of the label `reason`, by status code. */
const REFUSALS: Readonly<Record<number, string>> = { 401: 'unauthenticated', 403: 'forbidden', 429: 'rate-limited' }
const VERBS: ReadonlySet<string> = new Set(
  'get list watch create update patch delete deletecollection post put head options connect'.split(' '),
)
const SWITCHING = 101

export interface ApiMetricsOptions {
  readonly counts: Counts
  /** Values that the label `resource` may have, `plural` or `plural/subresource`; whatever else a client asks for is `other`. */
  readonly resources: ReadonlySet<string>
}

export interface ApiMetrics {
  readonly observe: Observe
  readonly collector: Collector
}

export function apiMetrics({ counts, resources }: ApiMetricsOptions): ApiMetrics {
  const open = new Map<Exchange, 'watch' | 'stream'>()
  const resourceOf = (attributes: Attributes | null): string => {
    if (attributes === null) return ''
    const { resource, path } = attributes
    if (resource === null) return PATHS.has(path) ? path : 'other'
    const name = resource.subresource === '' ? resource.resource : `${resource.resource}/${resource.subresource}`
    return resources.has(name) ? name : 'other'
  }
  return {
    observe: (exchange, { stage, code, durationMs }) => {
      const { attributes, method } = exchange
      const resource = resourceOf(attributes)
      if (stage === 'started') {
        open.set(exchange, code === SWITCHING ? 'stream' : 'watch')
        return
      }
      const asked = attributes?.verb ?? method.toLowerCase()
      const verb = code === SWITCHING ? 'connect' : VERBS.has(asked) ? asked : 'other'
      counts.inc(API_REQUESTS, { verb, resource, code: String(code) })
      const reason = REFUSALS[code]
      if (reason !== undefined) counts.inc(API_REFUSALS, { reason })
      if (!open.delete(exchange)) counts.observe(API_DURATION, { verb, resource }, durationMs / 1000)
    },
    collector: {
      name: 'api',
      collect: (sink) => {
        const watches = new Map<string, number>()
        const streams = new Map<string, number>()
        for (const [{ attributes }, kind] of open) {
          const name = resourceOf(attributes)
          const count = kind === 'watch' ? watches : streams
          count.set(name, (count.get(name) ?? 0) + 1)
        }
        for (const [resource, number] of watches) sink.add(API_WATCHES, { resource }, number)
        for (const [stream, number] of streams) sink.add(API_STREAMS, { stream }, number)
      },
    },
  }
}

/** Paths that are no resources and are told apart. */
const PATHS: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz', '/metrics', '/version', '/api', '/apis'])
