// A server over a fresh store, for tests by injection.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type {
  Admission,
  ApiServer,
  ConnectSubresource,
  HealthCheck,
  ReadSubresource,
  WriteGuard,
} from '../../../../lib/apiserver/index.ts'
import { createApiServer } from '../../../../lib/apiserver/index.ts'
import { type Clock, systemClock } from '../../../../lib/clock.ts'
import { openSqliteStore, type SqliteStoreOptions } from '../../../../lib/store/sqlite/open.ts'
import type { Store } from '../../../../lib/store/store.ts'
import type { KindDef } from '../../../../schemas/kind.ts'
import { NOTE, SPACE, WIDGET } from './kinds.ts'

export interface Reply {
  readonly code: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely by tests
  readonly body: any
}

export interface TestServer {
  readonly server: ApiServer
  readonly store: Store
  readonly logged: string[]
  call(method: string, url: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>
  stop(): Promise<void>
}

export interface TestOptions {
  readonly guards?: readonly WriteGuard[]
  readonly admission?: readonly Admission[]
  readonly connect?: readonly ConnectSubresource[]
  readonly reads?: readonly ReadSubresource[]
  readonly readiness?: readonly HealthCheck[]
  readonly clock?: Clock
  /** Others than those of kinds.ts. */
  readonly kinds?: readonly KindDef[]
  readonly slowWatcherMs?: number
  /** The store's own clock and how long it keeps changes. */
  readonly log?: Pick<SqliteStoreOptions, 'clock' | 'limits'>
  /** Puts another store in the place of the one that was opened. */
  readonly wrapStore?: (store: Store) => Store
}

/** Has the namespaces `default` and `other`. */
export async function startServer({
  wrapStore,
  log: logOptions = {},
  ...options
}: TestOptions = {}): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-apiserver-'))
  const store = await openSqliteStore({ path: join(folder, 'store.db'), ...logOptions })
  const logged: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) })
  const server = await createApiServer({
    store: wrapStore?.(store) ?? store,
    kinds: [WIDGET, NOTE, SPACE],
    clock: systemClock,
    log,
    version: '0.1.0',
    ...options,
  })
  for (const name of ['default', 'other'])
    await server.resources.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  return {
    server,
    store,
    logged,
    call: async (method, url, body, headers = {}) => {
      const payload = body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }
      const type = body === undefined ? {} : { 'content-type': 'application/json' }
      const reply = await server.app.inject({
        method: method as 'GET',
        url,
        headers: { ...type, ...headers },
        ...payload,
      })
      return { code: reply.statusCode, headers: reply.headers, text: reply.payload, body: parsed(reply.payload) }
    },
    stop: async () => {
      await server.close(100)
      await store.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const WIDGETS = '/apis/test.berth/v1/namespaces/default/widgets'
export const widget = (
  name: string,
  spec: Record<string, unknown> = { size: 3 },
  metadata: Record<string, unknown> = {},
) => ({
  apiVersion: 'test.berth/v1',
  kind: 'Widget',
  metadata: { name, ...metadata },
  spec,
})
