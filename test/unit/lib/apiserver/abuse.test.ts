// Clients that mean harm or know no better, over real sockets: each is bounded and refused in words, and the server goes on.

import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, createServer, request as httpRequest, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { answerBroken, HTTP_LIMITS } from '../../../../lib/apiserver/http/limits.ts'
import { call, raw } from './live.ts'
import { startServer, type TestServer, WIDGETS, widget } from './server.ts'

let api: TestServer
let folder: string
const socketPath = () => join(folder, 'api.sock')
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-abuse-'))
  api = await startServer()
  await api.server.listen({ unix: { path: socketPath() } })
})
afterAll(async () => {
  await api.stop()
  await rm(folder, { recursive: true, force: true })
})

const POST = `POST ${WIDGETS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`

describe('what is sent slowly', () => {
  let server: Server
  let handled = 0
  // Node's own clock is at work here, so the limits are short ones.
  const limits = { ...HTTP_LIMITS, headersTimeout: 150, requestTimeout: 300, connectionsCheckingInterval: 25 }
  beforeAll(async () => {
    server = createServer(limits, (request, response) => {
      request.on('end', () => {
        handled++
        response.end()
      })
      request.resume()
    }).on('clientError', answerBroken)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())))

  const drip = (head: string, every: () => string): Promise<string> =>
    new Promise((resolve) => {
      const socket: Socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
      let answer = ''
      const timer = setInterval(() => socket.write(every()), 20)
      socket.on('data', (chunk) => {
        answer += chunk.toString()
      })
      socket.on('error', () => undefined)
      socket.on('close', () => {
        clearInterval(timer)
        resolve(answer)
      })
      socket.write(head)
    })

  it.each([
    ['headers', 'GET /api HTTP/1.1\r\n', () => 'x: y\r\n'],
    ['a body', 'POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n', () => 'a'],
    ['nothing', '', () => ''],
  ])('%s: is told that it did not arrive in time', async (_what, head, every) => {
    const answer = await drip(head, every)
    expect(answer).toMatch(/^HTTP\/1.1 408 [\s\S]*"reason":"Timeout"/)
    expect(handled).toBe(0)
  })
})

describe('what is too much', () => {
  it('is a body over the limit, counted or claimed', async () => {
    const claimed = await raw(socketPath(), `${POST}Content-Length: 10000000000\r\n\r\n{`)
    expect(claimed).toMatch(/^HTTP\/1.1 413 [\s\S]*"reason":"RequestEntityTooLarge"/)
    const chunk = `${(1_000_000).toString(16)}\r\n${'x'.repeat(1_000_000)}\r\n`
    const counted = await raw(socketPath(), `${POST}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(4)}`)
    expect(counted).toMatch(/^HTTP\/1.1 413 [\s\S]*"reason":"RequestEntityTooLarge"/)
  })

  it('is a flood of headers, large or many', async () => {
    const large = await raw(socketPath(), `GET /api HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`)
    expect(large).toMatch(/^HTTP\/1.1 431 [\s\S]*"kind":"Status"[\s\S]*the headers have more than 32768 bytes/)
    const many = await raw(socketPath(), `GET /api HTTP/1.1\r\nHost: x\r\n${'a: bcdefghij\r\n'.repeat(10_000)}\r\n`)
    expect(many).toMatch(/^HTTP\/1.1 431 /)
  })

  it('is a length said twice', async () => {
    const smuggled = `${POST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /api HTTP/1.1\r\nHost: x\r\n\r\n`
    expect(await raw(socketPath(), smuggled)).toMatch(/^HTTP\/1.1 400 [\s\S]*not valid HTTP/)
  })

  it('is YAML that costs more to read than JSON', async () => {
    const yaml = { 'content-type': 'application/yaml' }
    const post = (body: string) => call({ socketPath: socketPath() }, WIDGETS, yaml, 'POST', body)
    const keys = Array.from({ length: 10_000 }, (_, index) => `k${index}: 1\n`).join('')
    const anchors = Array.from({ length: 200 }, (_, index) => `- &a${index} x\n- *a${index}\n`).join('')
    const started = performance.now()
    expect((await post('a: b\n'.repeat(200_000))).code).toBe(413)
    expect((await post(`x: ${'['.repeat(20_000)}`)).code).toBe(400)
    expect((await post('- '.repeat(20_000))).code).toBe(400)
    expect((await post(keys)).code).toBe(422)
    expect(JSON.parse((await post(anchors)).text).message).toContain('too many aliases')
    expect(JSON.parse((await post('a: 1\nb: 2\na: 3\n')).text).message).toContain('DUPLICATE_KEY at position 10')
    expect(performance.now() - started).toBeLessThan(8_000)
  })
})

it.each([
  '../x',
  '..',
  'a/b',
  'a%2fb',
  'a\u0000b',
  'ä',
  'ａ',
  'A',
  '',
  ' a',
  'a\n',
  'a'.repeat(254),
  '__proto__',
  '-a',
])('no object is named %j', async (name) => {
  const json = { 'content-type': 'application/json' }
  const { code, text } = await call({ socketPath: socketPath() }, WIDGETS, json, 'POST', JSON.stringify(widget(name)))
  expect([code, JSON.parse(text).details?.causes?.[0].field]).toEqual([422, 'metadata.name'])
})

it.each([
  'GET /api/v1/namespaces/\u00e4 HTTP/1.1',
  'GET /api/v1/namespaces/\u0001 HTTP/1.1',
  'GET /api\\..\\x HTTP/1.1',
  'GET http://evil.example/api HTTP/1.1',
])('no path is %j', async (line) => {
  expect(await raw(socketPath(), `${line}\r\nHost: x\r\nConnection: close\r\n\r\n`)).toMatch(
    /^HTTP\/1.1 400 [\s\S]*"kind":"Status"/,
  )
})

it('lets exactly one of 1,000 writers win each round', { timeout: 60_000 }, async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 50 })
  const put = (body: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' }
      const sent = httpRequest(
        { socketPath: socketPath(), path: `${WIDGETS}/fought`, method: 'PUT', headers, agent },
        (response) => {
          response.resume().once('end', () => resolve(response.statusCode ?? 0))
        },
      )
      sent.once('error', reject)
      sent.end(body)
    })
  let { body: current } = await api.call('POST', WIDGETS, widget('fought', { size: 1 }))
  for (const [round, writers] of [1_000, 100, 100].entries()) {
    const codes = await Promise.all(
      Array.from({ length: writers }, (_, index) =>
        put(
          JSON.stringify({ ...current, metadata: { ...current.metadata, labels: { winner: `w${round}-${index}` } } }),
        ),
      ),
    )
    expect(codes.filter((code) => code === 200)).toHaveLength(1)
    expect(codes.filter((code) => code === 409)).toHaveLength(writers - 1)
    const { body } = await api.call('GET', `${WIDGETS}/fought`)
    expect(body.metadata.labels).toEqual({ winner: `w${round}-${codes.indexOf(200)}` })
    current = body
  }
  agent.destroy()
})
