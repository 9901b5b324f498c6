// The API of a server of Berth: what both servers give it, beside what is their own.
import { hostname } from 'node:os'
import type { FastifyBaseLogger } from 'fastify'
import type { KindDef } from '../../schemas/kind.ts'
import { apiMetrics } from '../apiserver/metrics.ts'
import { type ApiServer, type ApiServerOptions, createApiServer } from '../apiserver/server.ts'
import type { Clock } from '../clock.ts'
import type { Foundation } from './foundation.ts'
import type { Served } from './listen.ts'
import { requestLimits } from './listen.ts'
import { resourceLabels } from './metrics.ts'
import { serverAdmission, serverCompletions } from './rules.ts'
import { storeAnswers, storeReady } from './store-trouble.ts'

export interface ServerApiOptions {
  readonly served: Served
  readonly foundation: Pick<Foundation, 'store' | 'reader' | 'metrics' | 'audit' | 'ask'>
  readonly kinds: readonly KindDef[]
  readonly clock: Clock
  readonly log: FastifyBaseLogger
  readonly version: string
  /** The program: `berth-agent`. */
  readonly component: string
  /** Asked before what both servers refuse. */
  readonly admissionFirst?: ApiServerOptions['admission']
  /** What only this server has. */
  readonly own: Pick<
    ApiServerOptions,
    'resources' | 'guards' | 'virtual' | 'admission' | 'completions' | 'connect' | 'reads' | 'reports' | 'readiness'
  >
}

/** It does not listen yet. @throws Error for kinds that contradict each other */
export function createServerApi(options: ServerApiOptions): Promise<ApiServer> {
  const { served, foundation, kinds, own, admissionFirst = [], ...rest } = options
  const { store, reader, metrics, audit, ask } = foundation
  const { connect = [], reads = [] } = own
  const counted = apiMetrics({ counts: metrics, resources: resourceLabels(kinds, [...connect, ...reads]) })
  metrics.collect(counted.collector)
  return createApiServer({
    ...rest,
    ...own,
    store,
    kinds,
    hostNames: [hostname(), ...served.names],
    limits: requestLimits(served.config),
    admission: [...admissionFirst, ...serverAdmission(reader), ...(own.admission ?? [])],
    completions: [...serverCompletions(reader), ...(own.completions ?? [])],
    reports: [...(own.reports ?? []), ...(audit === null ? [] : [audit.report])],
    observe: (exchange, outcome) => {
      counted.observe(exchange, outcome)
      audit?.observe(exchange, outcome)
    },
    metrics: () => metrics.scrape(),
    liveness: [storeAnswers(ask)],
    readiness: [storeReady(store), ...(own.readiness ?? [])],
  })
}
