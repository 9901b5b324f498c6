// Real connections to a server under test: plain requests, and streams of lines.
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'

export interface Where {
  readonly socketPath?: string
  readonly port?: number
  readonly ca?: string
}

const open = (where: Where, path: string, method: string, headers: Record<string, string>): ClientRequest =>
  where.socketPath === undefined
    ? httpsRequest({
        host: '127.0.0.1',
        port: where.port,
        ca: where.ca,
        path,
        method,
        headers,
        servername: 'localhost',
        agent: false,
      })
    : httpRequest({ socketPath: where.socketPath, path, method, headers, agent: false })

export function call(
  where: Where,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
  body?: string,
): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = open(where, path, method, headers)
    request.once('error', reject)
    request.once('response', (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      response.once('end', () => resolve({ code: response.statusCode ?? 0, text }))
    })
    request.end(body)
  })
}

/** The lines of an answer as they come. `next` rejects after 5 s. */
export interface Lines {
  readonly code: number
  readonly ended: Promise<void>
  // biome-ignore lint/suspicious/noExplicitAny: events are looked into freely by tests
  next(): Promise<any>
  stop(): void
}

export async function lines(where: Where, path: string, headers: Record<string, string> = {}): Promise<Lines> {
  const request = open(where, path, 'GET', headers)
  request.end()
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    request.once('error', reject)
  })
  const ready: string[] = []
  let wake = () => {}
  let rest = ''
  response.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n')
    rest = parts.pop() ?? ''
    ready.push(...parts)
    wake()
  })
  response.on('error', () => {})
  const ended = new Promise<void>((resolve) => response.once('close', resolve))
  return {
    code: response.statusCode ?? 0,
    ended,
    next: async () => {
      const deadline = Date.now() + 5_000
      while (ready.length === 0) {
        if (Date.now() > deadline) throw new Error('no line came')
        await new Promise<void>((resolve) => {
          wake = resolve
          setTimeout(resolve, 100)
        })
      }
      return JSON.parse(ready.shift() ?? '')
    },
    stop: () => request.destroy(),
  }
}

/** What a server answers to bytes that no client library would send. */
export function raw(socketPath: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath)
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString()
    })
    // A server that has answered may hang up while the rest is still being sent.
    socket.once('error', (error) => (answer === '' ? reject(error) : resolve(answer)))
    socket.once('close', () => resolve(answer))
    socket.setTimeout(3_000, () => socket.destroy())
    socket.write(text)
  })
}
