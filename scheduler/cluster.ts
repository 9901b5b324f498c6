// What the scheduler does beyond serving objects: the place where its parts are made and plugged into the API server.
import type { ApiServerOptions } from '../lib/apiserver/server.ts'
import type { Controller } from '../lib/reconcile/controller.ts'
import type { SchedulerCore } from './core.ts'

/** What the parts add to the API. */
export type ClusterApi = Required<
  Pick<ApiServerOptions, 'admission' | 'completions' | 'connect' | 'reads' | 'reports' | 'virtual' | 'readiness'>
>

export interface Cluster {
  readonly api: ClusterApi
  /** Started and stopped by app.ts, asked for everything again when the store takes writes again. */
  readonly controllers: readonly Controller[]
  /** Begins what is no controller. The API listens already. */
  start(): void
  /** Ends what {@link start} began. The API is closed already, the controllers are not. */
  stop(): Promise<void>
  /** Resolves once hosts were asked for the first time, whatever came of it. */
  readonly settled: Promise<void>
  /** What the scheduler is doing, in one line. */
  status(): string
}

/** Makes every part; none reads or writes objects before `start`. */
export function createCluster({ reader }: SchedulerCore): Cluster {
  return {
    api: { admission: [], completions: [], connect: [], reads: [], reports: [], virtual: [], readiness: [] },
    controllers: [],
    start: () => undefined,
    stop: async () => undefined,
    settled: Promise.resolve(),
    status: () => `Serving; ${reader.list('nodes').length} hosts`,
  }
}
