// The API server for real clients: over TLS, with every kind and no controllers, and the kubeconfig that it wrote itself.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { type ApiServer, createApiServer, openAccess } from '../../lib/apiserver/index.ts'
import { systemClock } from '../../lib/clock.ts'
import { openSqliteStore } from '../../lib/store/sqlite/open.ts'
import { KINDS } from '../../schemas/index.ts'

export interface TestApiServer {
  /** The one that runs now. */
  readonly server: ApiServer
  readonly folder: string
  readonly kubeconfig: string
  readonly port: number
  /** Ends the server and starts another on the same store and port. With `forget` all changes before are no longer known: watches from there get 410. */
  restart(options?: { readonly forget?: boolean }): Promise<void>
  stop(): Promise<void>
}

/** Has the namespace `default`. */
export async function startApiServer(): Promise<TestApiServer> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-api-'))
  let running = await run(folder, 0, false)
  const { server, port } = running
  await server.resources.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
  return {
    get server() {
      return running.server
    },
    folder,
    kubeconfig: running.kubeconfig,
    port,
    restart: async ({ forget = false } = {}) => {
      await running.end()
      running = await run(folder, port, forget)
    },
    stop: async () => {
      await running.end()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function run(folder: string, wantedPort: number, restored: boolean) {
  const store = await openSqliteStore({
    path: join(folder, 'store.db'),
    seal: { keyFile: join(folder, 'store.key'), fields: { secrets: ['data'] } },
    restored,
  })
  const access = await openAccess({ stateFolder: folder, addresses: ['127.0.0.1'], clock: systemClock })
  const server = await createApiServer({
    store,
    kinds: KINDS,
    clock: systemClock,
    log: pino({ level: process.env.BERTH_TEST_LOG ?? 'silent' }),
    version: '0.1.0',
  })
  await server.keepDefaultRoles()
  const port = await new Promise<number>((resolve, reject) => {
    const tcp = { host: '127.0.0.1', port: wantedPort, tls: access.tls, onPort: resolve }
    server.listen({ tcp: [tcp] }).catch(reject)
  })
  await access.publish(`https://127.0.0.1:${port}`, server.resources)
  return {
    server,
    port,
    kubeconfig: access.kubeconfigPath,
    end: async () => {
      await server.close(500)
      await store.close()
    },
  }
}
