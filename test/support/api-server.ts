// The API server for real clients: over TLS, with every kind and no controllers, and the kubeconfig that it wrote itself.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import {
  type ApiServer,
  createApiServer,
  openAccess,
  type ApiServerOptions as ServerOptions,
} from '../../lib/apiserver/index.ts'
import { systemClock } from '../../lib/clock.ts'
import { commonControllers } from '../../lib/controllers/common.ts'
import { ownerIndexes } from '../../lib/controllers/owners.ts'
import { Cache } from '../../lib/reconcile/cache.ts'
import { openSqliteStore } from '../../lib/store/sqlite/open.ts'
import type { Store } from '../../lib/store/store.ts'
import { KINDS } from '../../schemas/index.ts'

export interface TestApiServer {
  /** The one that runs now. */
  readonly server: ApiServer
  readonly folder: string
  readonly kubeconfig: string
  readonly port: number
  /** PEM of the server's authority. */
  readonly ca: string
  /** Ends the server and starts another on the same store and port. With `forget` all changes before are no longer known: watches from there get 410. */
  restart(options?: { readonly forget?: boolean }): Promise<void>
  stop(): Promise<void>
}

export interface ApiServerOptions
  extends Pick<ServerOptions, 'admission' | 'connect' | 'reports' | 'limits' | 'observe' | 'metrics'> {
  /** With garbage collection and the deletion of namespaces, as every server of Berth has them. */
  readonly collects?: boolean
}

/** Has the namespace `default`. */
export async function startApiServer(options: ApiServerOptions = {}): Promise<TestApiServer> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-api-'))
  let running = await run(folder, { port: 0, restored: false }, options)
  const { server, port } = running
  await server.resources.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
  return {
    get server() {
      return running.server
    },
    folder,
    kubeconfig: running.kubeconfig,
    port,
    ca: running.ca,
    restart: async ({ forget = false } = {}) => {
      await running.end()
      running = await run(folder, { port, restored: forget }, options)
    },
    stop: async () => {
      await running.end()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function run(
  folder: string,
  { port: wantedPort, restored }: { readonly port: number; readonly restored: boolean },
  { collects = false, ...options }: ApiServerOptions,
) {
  const store = await openSqliteStore({
    path: join(folder, 'store.db'),
    seal: { keyFile: join(folder, 'store.key'), fields: { secrets: ['data'] } },
    restored,
  })
  const access = await openAccess({ stateFolder: folder, addresses: ['127.0.0.1'], clock: systemClock })
  const log = pino({ level: process.env.BERTH_TEST_LOG ?? 'silent' })
  const server = await createApiServer({
    store,
    kinds: KINDS,
    clock: systemClock,
    log,
    version: '0.1.0',
    ...options,
  })
  await server.keepDefaultRoles()
  const stopCollecting = collects ? await collect(store, server) : async () => {}
  const port = await new Promise<number>((resolve, reject) => {
    const tcp = { host: '127.0.0.1', port: wantedPort, tls: access.tls, onPort: resolve }
    server.listen({ tcp: [tcp] }).catch(reject)
  })
  const keeping = new AbortController()
  void access.tls.keep(log, keeping.signal)
  await access.publish(`https://127.0.0.1:${port}`, server.resources)
  return {
    server,
    port,
    ca: access.tls.ca,
    kubeconfig: access.kubeconfigPath,
    end: async () => {
      keeping.abort()
      await server.close(500)
      await stopCollecting()
      await store.close()
    },
  }
}

async function collect(store: Store, { resources }: ApiServer): Promise<() => Promise<void>> {
  const reader = new Cache({ store, resources: KINDS.map(({ resource }) => resource), indexes: ownerIndexes(KINDS) })
  await reader.start()
  const controllers = commonControllers({
    reader,
    resources,
    kinds: KINDS,
    order: KINDS.filter((kind) => kind.namespaced).map((kind) => kind.resource),
    clock: systemClock,
    log: pino({ level: 'silent' }),
  })
  for (const controller of controllers) controller.start()
  return async () => {
    await Promise.all(controllers.map((controller) => controller.stop()))
    reader.stop()
  }
}
