// A server over TLS with every kind and no controllers, as kubectl meets it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { type ApiServer, createApiServer, openAccess } from '../../../lib/apiserver/index.ts'
import { systemClock } from '../../../lib/clock.ts'
import { openSqliteStore } from '../../../lib/store/sqlite/open.ts'
import { KINDS } from '../../../schemas/index.ts'

export interface KubectlServer {
  readonly server: ApiServer
  readonly folder: string
  readonly kubeconfig: string
  stop(): Promise<void>
}

export async function startKubectlServer(): Promise<KubectlServer> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-kubectl-'))
  const store = await openSqliteStore({
    path: join(folder, 'store.db'),
    seal: { keyFile: join(folder, 'store.key'), fields: { secrets: ['data'] } },
  })
  const access = await openAccess({ stateFolder: folder, addresses: ['127.0.0.1'], clock: systemClock })
  const log = pino({ level: process.env.BERTH_TEST_LOG ?? 'silent' })
  const server = await createApiServer({
    store,
    kinds: KINDS,
    clock: systemClock,
    log,
    version: '0.1.0',
    tokens: access.tokens,
  })
  await server.resources.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
  let port = 0
  await server.listen({
    tcp: [
      {
        host: '127.0.0.1',
        port: 0,
        tls: access.tls,
        onPort: (taken) => {
          port = taken
        },
      },
    ],
  })
  await access.publish(`https://127.0.0.1:${port}`)
  return {
    server,
    folder,
    kubeconfig: access.kubeconfigPath,
    stop: async () => {
      await server.close(500)
      await store.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
