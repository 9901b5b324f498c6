// Streams: refused before the upgrade in words, negotiated, served, ended.
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { ConnectTarget } from '../../../../lib/apiserver/index.ts'
import { ApiError } from '../../../../lib/errors.ts'
import { raw } from './live.ts'
import { startServer, type TestServer } from './server.ts'

const TUNNEL = {
  group: 'subresources.test.berth',
  version: 'v1',
  plural: 'widgets',
  name: 'tunnel',
  kind: 'WidgetTunnel',
  protocols: ['plain.test'],
} as const

let api: TestServer
let folder: string
const sockets: WebSocket[] = []
const ended: string[] = []
const targets: ConnectTarget[] = []
/** What became of far ends that were opened before the upgrade. */
const far: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-connect-'))
  api = await startServer({
    connect: [
      {
        group: 'subresources.test.berth',
        version: 'v1',
        plural: 'widgets',
        name: 'console',
        kind: 'WidgetConsole',
        protocols: ['plain.test', 'plain.old'],
        check: async ({ name }) => {
          if (name === 'busy') throw new ApiError('Conflict', 'it does not run')
          if (name === 'broken') throw new Error('hunter2')
        },
        connect: async (target, socket, signal) => {
          targets.push(target)
          if (target.name === 'fails') throw new ApiError('ServiceUnavailable', 'the console went away')
          if (target.name === 'short') return
          socket.on('message', (data) => socket.send(data))
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
          ended.push(target.name)
        },
      },
      {
        ...TUNNEL,
        check: async () => {},
        open: async ({ name }) => {
          if (name === 'refused') throw new ApiError('Conflict', 'nothing listens there')
          return {
            drop: () => void far.push(`${name} dropped`),
            connect: async (socket) => {
              far.push(`${name} connected`)
              socket.send('from the far end')
            },
          }
        },
        connect: () => Promise.reject(new Error('not used by a server that opens first')),
      },
    ],
    reads: [
      {
        ...TUNNEL,
        name: 'picture',
        kind: 'WidgetPicture',
        read: async ({ name }) => {
          if (name === 'blind') throw new ApiError('Conflict', 'it has no screen')
          return { type: 'image/png', body: Buffer.from([0x89, 0x50, 0xff]) }
        },
      },
    ],
  })
  await api.server.listen({ unix: { path: join(folder, 's') } })
})
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.terminate()
})
afterAll(async () => {
  await api.stop()
  await rm(folder, { recursive: true, force: true })
})

const PATH = '/apis/subresources.test.berth/v1/namespaces/default/widgets'

interface Opened {
  readonly socket: WebSocket
  /** 101, or the code of the refusal. */
  readonly code: number
  readonly text: string
}

function open(path: string, protocols: string[] = [], headers: Record<string, string> = {}): Promise<Opened> {
  const socket = new WebSocket(`ws+unix://${join(folder, 's')}:${path}`, protocols, { headers })
  sockets.push(socket)
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve({ socket, code: 101, text: '' }))
    socket.once('unexpected-response', (_request, response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      response.once('end', () => resolve({ socket, code: response.statusCode ?? 0, text }))
    })
    socket.once('error', reject)
  })
}

const closed = (socket: WebSocket): Promise<[number, string]> =>
  new Promise((resolve) => socket.once('close', (code, reason) => resolve([code, reason.toString()])))

it('carries bytes both ways and tells the owner when the client goes', async () => {
  const { socket } = await open(`${PATH}/a/console?tail=5`)
  expect(targets.at(-1)).toMatchObject({ namespace: 'default', name: 'a', user: 'unix', client: 'unix' })
  expect(targets.at(-1)?.query.get('tail')).toBe('5')
  const echoed = new Promise<string>((resolve) => socket.once('message', (data) => resolve(data.toString())))
  socket.send(Buffer.from('hello'))
  expect(await echoed).toBe('hello')
  socket.close()
  await expect.poll(() => ended).toContain('a')
})

it.each([
  [['plain.test'], 'plain.test'],
  [['plain.old', 'plain.test'], 'plain.old'],
  [['other', 'plain.test'], 'plain.test'],
  [[], ''],
])('answers the subprotocols %j with %j', async (asked, answered) => {
  const { code, socket } = await open(`${PATH}/b/console`, asked)
  expect([code, socket.protocol]).toEqual([101, answered])
})

it.each([
  ['/b/console', ['other'], {}, 400, 'plain.test'],
  ['/busy/console', [], {}, 409, 'it does not run'],
  ['/broken/console', [], {}, 500, 'internal error'],
  ['/b/vnc', [], {}, 404, 'could not find'],
  ['/b/%63onsole', [], {}, 400, 'part that no name can have'],
  ['/b/console', [], { origin: 'http://evil.example' }, 403, 'origin'],
])('refuses %s %j %j with %d', async (path, protocols, headers, code, words) => {
  const answer = await open(PATH + path, protocols, headers as Record<string, string>)
  expect([answer.code, JSON.parse(answer.text).kind]).toEqual([code, 'Status'])
  expect(answer.text).toContain(words)
  expect(answer.text).not.toContain('hunter2')
})

it.each([
  ['a key', { 'sec-websocket-key': 'x' }, 'Sec-WebSocket-Key'],
  ['a version', { 'sec-websocket-version': '7' }, 'Sec-WebSocket-Version'],
  ['protocols', { 'sec-websocket-protocol': '' }, 'Sec-WebSocket-Protocol'],
  ['an upgrade', { upgrade: 'h2c' }, 'Invalid Upgrade header'],
])('refuses a handshake with %s that it does not know', async (_what, wrong, words) => {
  const headers = {
    host: 'x',
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
    ...wrong,
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const answer = await raw(join(folder, 's'), `GET ${PATH}/one/console HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
  expect(answer).toMatch(/^HTTP\/1.1 400 [\s\S]*"kind":"Status"[\s\S]*"reason":"BadRequest"/)
  expect(answer).toContain(words)
})

it('closes when the stream ends, with words when it failed', async () => {
  const short = await open(`${PATH}/short/console`)
  expect(await closed(short.socket)).toEqual([1000, ''])
  const fails = await open(`${PATH}/fails/console`)
  expect(await closed(fails.socket)).toEqual([1011, 'the console went away'])
})

it('is closed with the server', async () => {
  const other = await startServer({
    connect: [
      {
        group: 'g.test',
        version: 'v1',
        plural: 'widgets',
        name: 'console',
        kind: 'C',
        protocols: [],
        check: async () => {},
        connect: (_target, _socket, signal) =>
          new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
      },
    ],
  })
  await other.server.listen({ unix: { path: join(folder, 'other') } })
  const socket = new WebSocket(
    `ws+unix://${join(folder, 'other')}:/apis/g.test/v1/namespaces/default/widgets/a/console`,
  )
  sockets.push(socket)
  await new Promise((resolve) => socket.once('open', resolve))
  const end = closed(socket)
  await other.stop()
  expect((await end)[0]).toBe(1001)
})

it('opens the far end before the upgrade: a failure is a plain answer, and what comes at once is not lost', async () => {
  const refused = await open(`${PATH}/refused/tunnel`)
  expect([refused.code, JSON.parse(refused.text).message]).toEqual([409, 'nothing listens there'])
  const socket = new WebSocket(`ws+unix://${join(folder, 's')}:${PATH}/t/tunnel`)
  sockets.push(socket)
  const first = new Promise<string>((resolve) => socket.once('message', (data) => resolve(data.toString())))
  expect(await first).toBe('from the far end')
  expect(far).toContain('t connected')
})

it('drops the far end when the handshake is wrong', async () => {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': '?',
  }
  const asked = request({ socketPath: join(folder, 's'), path: `${PATH}/wrong/tunnel`, headers }).end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  expect(answer.statusCode).toBe(400)
  answer.resume()
  expect(far).toContain('wrong dropped')
  expect(far).not.toContain('wrong connected')
})

it('a plain GET of a stream opens nothing', async () => {
  const { code, body } = await api.call('GET', `${PATH}/plain/tunnel`)
  expect([code, body.message]).toEqual([400, 'this is a stream: connect to it with a websocket'])
  expect(far.filter((line) => line.startsWith('plain'))).toEqual([])
})

it('a document is answered as it is, or refused in words', async () => {
  const { code, headers, text } = await api.call('GET', `${PATH}/a/picture`, undefined, { accept: 'image/png' })
  expect([code, headers['content-type'], headers['content-length']]).toEqual([200, 'image/png', '3'])
  expect(text).toHaveLength(3)
  expect(await api.call('GET', `${PATH}/blind/picture`)).toMatchObject({ code: 409 })
  expect(await api.call('POST', `${PATH}/a/picture`, {})).toMatchObject({ code: 405 })
  const { body } = await api.call('GET', '/apis/subresources.test.berth/v1')
  expect(body.resources.map(({ name }: { name: string }) => name)).toEqual([
    'widgets/console',
    'widgets/tunnel',
    'widgets/picture',
  ])
})
