// A websocket server on a unix socket in front of one connect subresource, as the API server does it: check, then
// probe or upgrade. For tests of streams without an API server.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { ConnectSubresource, ConnectTarget } from '../../lib/apiserver/connect.ts'
import { ApiError } from '../../lib/errors.ts'

export interface StreamServer {
  readonly socketPath: string
  /** Aborts the signal of all connections, as an agent that stops does, and waits until they have ended. */
  stop(): Promise<void>
}

/** Path: `/NAMESPACE/NAME?query`; the bearer token is taken for the user's name. */
export async function startStreamServer(subresource: ConnectSubresource): Promise<StreamServer> {
  const dir = mkdtempSync(join(tmpdir(), 'berth-stream-'))
  const socketPath = join(dir, 'api.sock')
  const stopping = new AbortController()
  const connections = new Set<Promise<void>>()
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: (offered) => subresource.protocols.find((protocol) => offered.has(protocol)) ?? false,
  })
  const server = createServer((request, response) => {
    void answer(subresource, request, stopping.signal).then(({ code, body }) => {
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
  })
  server.on('upgrade', (request: IncomingMessage, raw: Duplex, head: Buffer) => {
    const target = targetOf(request)
    void (async () => {
      try {
        await subresource.check(target, stopping.signal)
      } catch (error) {
        const { code, body } = refusal(error)
        const text = JSON.stringify(body)
        raw.end(
          `HTTP/1.1 ${code} Refused\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
        )
        return
      }
      sockets.handleUpgrade(request, raw, head, (socket) => {
        const connection = subresource.connect(target, socket, stopping.signal)
        connections.add(connection)
        void connection.finally(() => connections.delete(connection))
      })
    })()
  })
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  return {
    socketPath,
    stop: async () => {
      stopping.abort(new Error('the agent is stopping'))
      await Promise.all(connections)
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function targetOf(request: IncomingMessage): ConnectTarget {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const [, namespace = '', name = ''] = url.pathname.split('/')
  return {
    namespace,
    name,
    query: url.searchParams,
    user: request.headers.authorization?.replace('Bearer ', '') ?? 'admin',
    client: 'unix',
  }
}

async function answer(
  subresource: ConnectSubresource,
  request: IncomingMessage,
  signal: AbortSignal,
): Promise<{ code: number; body: unknown }> {
  try {
    return { code: 200, body: await subresource.probe?.(targetOf(request), signal) }
  } catch (error) {
    return refusal(error)
  }
}

function refusal(error: unknown): { code: number; body: unknown } {
  if (!(error instanceof ApiError)) throw error
  const { code, reason, message } = error
  return { code, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message } }
}
