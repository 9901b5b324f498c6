// Without a good token nobody gets anything but 401, on any path, with any method, in any form.
import { connect as tlsConnect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { issueToken, TlsClient } from '../../support/access.ts'
import { startApiServer, type TestApiServer } from '../../support/api-server.ts'
import { everyPath, reports, streamPaths, streams } from './paths.ts'

let server: TestApiServer
/** Wrong credentials are not counted here: this test sends hundreds. */
const limits = {
  requests: { burst: 1_000_000, refillMs: 1 },
  wrongCredentials: { burst: 1_000_000, refillMs: 1 },
}

beforeAll(async () => {
  server = await startApiServer({ connect: streams, reports, limits })
})
afterAll(() => server.stop())

/** A request as bytes, so that no client library tidies it; the code of the answer. */
function raw(line: string, headers: readonly string[] = [], host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = tlsConnect({ port: server.port, host: '127.0.0.1', ca: server.ca })
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const code = /^HTTP\/1\.1 (\d+)/.exec(text)?.[1]
      if (code === undefined) return
      socket.destroy()
      resolve(Number(code))
    })
    socket.once('error', reject)
    socket.once('close', () => resolve(0))
    socket.write(`${[`${line} HTTP/1.1`, `Host: ${host}`, ...headers].join('\r\n')}\r\n\r\n`)
  })
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

describe.each([
  ['no credentials', {}],
  ['a wrong token', { authorization: 'Bearer wrong' }],
  ['a password', { authorization: 'Basic YWRtaW46YWRtaW4=' }],
] as const)('%s', (_title, headers) => {
  it('gets 401 everywhere', async () => {
    const client = new TlsClient(server)
    const wrong: string[] = []
    for (const path of everyPath())
      for (const method of METHODS) {
        const { code, text } = await client.ask(method, path, method === 'POST' ? {} : undefined, { ...headers })
        if (code !== 401 || (method !== 'HEAD' && JSON.parse(text).reason !== 'Unauthorized'))
          wrong.push(`${method} ${path}: ${code} ${text.slice(0, 100)}`)
      }
    await client.close()
    expect(wrong).toEqual([])
  })

  it('gets 401 from every watch and stream', async () => {
    const client = new TlsClient(server)
    for (const path of streamPaths) expect((await client.connect(path, headers)).code, path).toBe(401)
    expect((await client.connect('/api/v1/pods', headers)).code).toBe(401)
    expect((await client.ask('GET', '/api/v1/namespaces?watch=true', undefined, { ...headers })).code).toBe(401)
    await client.close()
  })
})

it('gets 401 for strange methods and forms', async () => {
  for (const method of ['TRACE', 'PROPFIND', 'MKCOL', 'SEARCH', 'PURGE', 'QUERY'])
    expect([401, 400], method).toContain(await raw(`${method} /api`))
  expect(await raw('GET /api', ['Upgrade: websocket', 'Connection: Upgrade'])).toBe(401)
  expect(await raw('GET /api', ['Upgrade: h2c', 'Connection: Upgrade'])).toBe(401)
  expect(await raw('POST /api/v1/namespaces', ['Expect: 100-continue', 'Content-Length: 5'])).not.toBe(200)
  expect(await raw('GET https://127.0.0.1/api')).toBe(401)
})

it('is told why, and never what it sent', async () => {
  const { resources } = server.server
  const old = await issueToken(resources, 'old', { expires: '2020-01-01T00:00:00Z' })
  const revoked = await issueToken(resources, 'revoked')
  await resources.delete('accesstokens.access.berth', { namespace: '', name: 'revoked' })
  for (const [token, words] of [
    [old, 'the token "old" expired at 2020-01-01T00:00:00Z'],
    [revoked, 'wrong or was revoked'],
    ['x'.repeat(5_000), 'not valid'],
  ] as const) {
    const client = new TlsClient(server, { token })
    const { code, text, headers } = await client.ask('GET', '/api')
    expect([code, headers['www-authenticate']]).toEqual([401, 'Bearer realm="berth"'])
    expect(JSON.parse(text).message).toContain(words)
    expect(text).not.toContain(token)
    await client.close()
  }
})

it('is refused by Host and by Origin, on streams as well', async () => {
  const token = await issueToken(server.server.resources, 'root', { groups: ['system:masters'] })
  const client = new TlsClient(server, { token })
  const [path = ''] = streamPaths
  const attempts: readonly { readonly host?: string; readonly origin?: string }[] = [
    { host: 'evil.example' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
  ]
  for (const headers of attempts) {
    expect((await client.connect(path, { ...headers })).code).toBe(403)
    const sent = [`Authorization: Bearer ${token}`, ...('origin' in headers ? [`Origin: ${headers.origin}`] : [])]
    expect(await raw('GET /api', sent, headers.host)).toBe(403)
  }
  const open = await client.connect(path, { origin: `https://127.0.0.1:${server.port}` })
  expect(open.code).toBe(101)
  open.socket.terminate()
  await client.close()
})
