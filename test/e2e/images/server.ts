// A real HTTP server whose routes misbehave on request; each test makes its own.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Route = (request: IncomingMessage, response: ServerResponse) => void

export interface TestServer {
  readonly port: number
  readonly origin: string
  /** Requests seen, by path. */
  readonly hits: Map<string, number>
  route(path: string, route: Route): string
  /** Serves bytes with their length. */
  file(path: string, content: Buffer): string
  close(): Promise<void>
}

export async function startServer(): Promise<TestServer> {
  const routes = new Map<string, Route>()
  const hits = new Map<string, number>()
  const server: Server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    hits.set(path, (hits.get(path) ?? 0) + 1)
    const route = routes.get(path)
    response.on('error', () => {})
    if (route !== undefined) return route(request, response)
    response.writeHead(404).end('no such file')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const route = (path: string, handler: Route): string => {
    routes.set(path, handler)
    return `${origin}${path}`
  }
  return {
    port,
    origin,
    hits,
    route,
    file: (path, content) =>
      route(path, (_request, response) => {
        response.writeHead(200, { 'content-length': content.length }).end(content)
      }),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
