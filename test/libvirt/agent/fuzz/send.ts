// One request over the agent's socket, by a client that takes any path and any header.
import { type Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'

export interface Where {
  readonly socketPath: string
  readonly connections: Agent
}

export interface Sent {
  readonly method: string
  readonly path: string
  readonly type?: string
  readonly body?: string
  readonly headers?: IncomingHttpHeaders
}

/** The answer; of a watch only its beginning. */
export function send(
  { socketPath, connections }: Where,
  { method, path, type = 'application/json', body, headers = {} }: Sent,
): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    const content = body === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) }
    const options = {
      socketPath,
      agent: connections,
      method,
      path,
      headers: { ...content, ...headers },
      timeout: 15_000,
    }
    const sent = httpRequest(options, (response) => {
      const code = response.statusCode ?? 0
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        if (path.includes('watch=true') && code === 200) {
          resolve({ code, text })
          response.destroy()
        }
      })
      response.once('end', () => resolve({ code, text }))
      response.once('error', reject)
    })
    sent.once('upgrade', (response, socket) => {
      socket.destroy()
      resolve({ code: response.statusCode ?? 0, text: '' })
    })
    sent.once('timeout', () => sent.destroy(new Error(`no answer to ${method} ${path}`)))
    sent.once('error', reject)
    sent.end(body)
  })
}
