// A server under measurement, in a process of its own: ours over a real store, or a bare Fastify that sends the same bytes.
// Runs as `node subject.js api|bare FOLDER`; its parent asks over IPC.
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import Fastify, { type FastifyReply } from 'fastify'
import { pino } from 'pino'
import { createApiServer } from '../../../lib/apiserver/server.ts'
import { systemClock } from '../../../lib/clock.ts'
import type { KubeObject } from '../../../lib/object.ts'
import { openSqliteStore } from '../../../lib/store/sqlite/open.ts'
import { KINDS } from '../../../schemas/index.ts'
import { DISK_PATH, DISKS, disk, NAMESPACE } from './objects.ts'

/** What the parent asks. Every message is answered by one. */
export type Ask =
  | { readonly ask: 'seed'; readonly count: number }
  /** The bytes that a bare server answers with; `list` for its collection. */
  | { readonly ask: 'serve'; readonly one: string; readonly list: string }
  /** Sends one event to every open watch. */
  | { readonly ask: 'emit' }
  /** Begins to watch the event loop for stalls. */
  | { readonly ask: 'stalls' }
  | { readonly ask: 'figures' }

export interface Figures {
  readonly rssMiB: number
  readonly cpuMs: number
  /** Longest turn of the event loop since `stalls`, in ms. */
  readonly stallMs: number
}

/** Resolution of the measurement of stalls, in ms; a stall is what comes on top. */
const STALL_RESOLUTION_MS = 5

const stalls = monitorEventLoopDelay({ resolution: STALL_RESOLUTION_MS })

function figures(): Figures {
  const { user, system } = process.cpuUsage()
  return {
    rssMiB: process.memoryUsage.rss() / 1_048_576,
    cpuMs: (user + system) / 1000,
    stallMs: Math.max(0, stalls.max / 1e6 - STALL_RESOLUTION_MS),
  }
}

interface Subject {
  seed(count: number): Promise<void>
  serve(one: string, list: string): void
  emit(): Promise<void>
}

async function api(folder: string): Promise<Subject> {
  const log = pino({ level: 'warn' }, pino.destination(2))
  const store = await openSqliteStore({
    path: join(folder, 'api.db'),
    seal: { keyFile: join(folder, 'api.key'), fields: { secrets: ['data'] } },
    log,
  })
  const server = await createApiServer({ store, kinds: KINDS, clock: systemClock, log, version: '0.0.0' })
  const { resources } = server
  await resources.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } })
  await server.listen({ unix: { path: join(folder, 'api.sock') } })
  let step = 0
  return {
    seed: async (count) => {
      const names = Array.from({ length: count }, (_, index) => `seed-${index}`)
      await Promise.all(names.map((name) => resources.create(DISKS, disk(name))))
    },
    serve: () => undefined,
    emit: async () => {
      const at = { namespace: NAMESPACE, name: 'seed-0' }
      const found = await resources.get<KubeObject>(DISKS, at)
      if (found === null) throw new Error('nothing was seeded')
      step += 1
      const uid = found.metadata.uid
      await resources.modifyStatus(DISKS, { ...at, uid }, () => ({ phase: 'Ready', progress: `${step % 100}%` }))
    },
  }
}

async function bare(folder: string): Promise<Subject> {
  let [one, list] = ['{}', '{}']
  const watching = new Set<ServerResponse>()
  const send = (reply: FastifyReply, body: string) => reply.header('content-type', 'application/json').send(body)
  const handlers: RequestListener[] = []
  const app = Fastify({
    forceCloseConnections: true,
    serverFactory: (handle) => {
      handlers.push(handle)
      return createServer(handle)
    },
  })
  app.get(`${DISK_PATH}/:name`, async (_request, reply) => send(reply, one))
  app.get(DISK_PATH, async (request, reply) => {
    if (!String(request.raw.url).includes('watch')) return send(reply, list)
    reply.hijack()
    reply.raw.writeHead(200, { 'content-type': 'application/json' })
    reply.raw.flushHeaders()
    watching.add(reply.raw)
    reply.raw.on('close', () => watching.delete(reply.raw))
  })
  await app.ready()
  await new Promise<void>((resolve) => createServer(handlers[0]).listen(join(folder, 'bare.sock'), 65_535, resolve))
  return {
    seed: async () => undefined,
    serve: (oneObject, all) => {
      one = oneObject
      list = all
    },
    emit: async () => {
      const bytes = Buffer.from(`{"type":"MODIFIED","object":${one.trimEnd()}}\n`)
      for (const response of watching) response.write(bytes)
    },
  }
}

async function answer(subject: Subject, ask: Ask): Promise<Figures> {
  if (ask.ask === 'seed') await subject.seed(ask.count)
  if (ask.ask === 'serve') subject.serve(ask.one, ask.list)
  if (ask.ask === 'emit') await subject.emit()
  if (ask.ask === 'stalls') {
    stalls.enable()
    stalls.reset()
  }
  return figures()
}

const [kind, folder = ''] = process.argv.slice(2)
const subject = await (kind === 'api' ? api(folder) : bare(folder))
process.on('disconnect', () => process.exit(0))
process.on('message', (ask: Ask) => {
  answer(subject, ask).then(
    (value) => process.send?.({ value }),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})
process.send?.({ value: figures() })
