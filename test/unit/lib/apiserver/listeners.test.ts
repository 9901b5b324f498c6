// Who may come in, over which socket.
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Access, createApiServer, openAccess } from '../../../../lib/apiserver/index.ts'
import { systemClock } from '../../../../lib/clock.ts'
import { openSqliteStore } from '../../../../lib/store/sqlite/open.ts'
import type { Store } from '../../../../lib/store/store.ts'
import { ACCESS_TOKEN } from '../../../../schemas/index.ts'
import { NOTE, SPACE } from './kinds.ts'
import { call, raw, type Where } from './live.ts'

let folder: string
let store: Store
let access: Access
let server: Awaited<ReturnType<typeof createApiServer>>
let tls: Where
let token: string
const path = () => join(folder, 'api.sock')
const log = pino({ level: 'silent' })

const start = () =>
  createApiServer({
    store,
    kinds: [NOTE, SPACE, ACCESS_TOKEN],
    clock: systemClock,
    log,
    version: '0',
    hostNames: ['berth.example'],
  })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-listen-'))
  store = await openSqliteStore({ path: join(folder, 'store.db') })
  access = await openAccess({ stateFolder: folder, addresses: ['127.0.0.1'], clock: systemClock })
  server = await start()
  let port = 0
  await server.listen({
    unix: { path: path(), group: 'no-such-group' },
    tcp: [{ host: '127.0.0.1', port: 0, tls: access.tls, onPort: (taken) => (port = taken) }],
  })
  await access.publish(`https://127.0.0.1:${port}`, server.resources)
  token = /token: (\S+)/.exec(await readFile(access.kubeconfigPath, 'utf8'))?.[1] ?? ''
  tls = { port, ca: access.tls.ca }
})
afterAll(async () => {
  await server.close(500)
  await store.close()
  await rm(folder, { recursive: true, force: true })
})

const bearer = () => ({ authorization: `Bearer ${token}` })

describe('the unix socket', () => {
  it('needs no password and lets only its owner in when there is no group', async () => {
    expect((await call({ socketPath: path() }, '/api')).code).toBe(200)
    expect((await stat(path())).mode & 0o777).toBe(0o600)
  })

  it('is given to the group', async () => {
    const shared = join(folder, 'shared.sock')
    const other = await start()
    await other.listen({ unix: { path: shared, group: 'daemon' } })
    const stats = await stat(shared)
    expect([stats.mode & 0o777, stats.gid]).toEqual([0o660, 1])
    await other.close(100)
  })

  it('refuses web pages', async () => {
    expect((await call({ socketPath: path() }, '/api', { origin: 'http://evil.example' })).code).toBe(403)
  })

  it.each(['/apis/../api', '/api/v1/%2e%2e', '/api/v1/namespaces/../../apis', '//api', 'api'])(
    'refuses the raw path %s',
    async (target) => {
      const answer = await raw(path(), `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
      expect(answer).toMatch(/^HTTP\/1.1 400 /)
    },
  )

  it('answers unknown methods and broken requests', async () => {
    const method = await raw(path(), 'PROPFIND /api HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(method).toMatch(/^HTTP\/1.1 405 [\s\S]*"Status"/)
    expect(await raw(path(), 'NONSENSE\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /)
    const long = `GET /api HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`
    expect(await raw(path(), long)).toMatch(/^HTTP\/1.1 4\d\d /)
  })

  it('is taken over from the dead, not from the living, nor from another file', async () => {
    const second = await start()
    await expect(second.listen({ unix: { path: path() } })).rejects.toThrow('another server answers there')
    const file = join(folder, 'file')
    await writeFile(file, 'mine')
    await expect(second.listen({ unix: { path: file } })).rejects.toThrow('a file of another kind')
    expect(await readFile(file, 'utf8')).toBe('mine')
    const stale = join(folder, 'stale.sock')
    await leaveStaleSocket(stale)
    await second.listen({ unix: { path: stale } })
    expect((await call({ socketPath: stale }, '/api')).code).toBe(200)
    await second.close(100)
  })
})

/** A socket file whose server is gone: Node removes its own, so it is moved away first. */
async function leaveStaleSocket(at: string): Promise<void> {
  const { rename } = await import('node:fs/promises')
  const dead = createServer()
  await new Promise<void>((resolve) => dead.listen(`${at}.born`, resolve))
  await rename(`${at}.born`, at)
  await new Promise((resolve) => dead.close(resolve))
}

describe('TLS', () => {
  it('needs the token', async () => {
    expect((await call(tls, '/api', bearer())).code).toBe(200)
    for (const headers of [
      {},
      { authorization: 'Bearer wrong' },
      { authorization: 'Basic YTpi' },
      { authorization: 'Bearer ' },
    ]) {
      const { code, text } = await call(tls, '/api', headers as Record<string, string>)
      expect([code, JSON.parse(text).reason]).toEqual([401, 'Unauthorized'])
    }
  })

  it('refuses before it reads a body', async () => {
    const { code } = await call(tls, '/api/v1/namespaces', { 'content-type': 'application/json' }, 'POST', '{broken')
    expect(code).toBe(401)
  })

  it.each([
    ['localhost:1', 200],
    ['127.0.0.1', 200],
    ['[::1]:8750', 200],
    ['10.1.2.3:8750', 200],
    ['berth.example:8750', 200],
    ['BERTH.example.', 200],
    ['evil.example', 403],
    ['localhost.evil.example', 403],
  ])('Host %j is answered %d', async (host, expected) => {
    expect((await call(tls, '/api', { ...bearer(), host })).code).toBe(expected)
  })

  it('lets only its own pages in', async () => {
    const own = { ...bearer(), host: 'localhost:1', origin: 'https://localhost:1' }
    expect((await call(tls, '/api', own)).code).toBe(200)
    for (const origin of ['null', 'http://localhost:1', 'https://localhost:2', 'https://evil.example'])
      expect((await call(tls, '/api', { ...own, origin })).code).toBe(403)
  })

  it('says in words when a port is taken, and keeps nothing open', async () => {
    const second = await start()
    const other = join(folder, 'second.sock')
    const tcp = [{ host: '127.0.0.1', port: tls.port ?? 0, tls: access.tls }]
    await expect(second.listen({ unix: { path: other }, tcp })).rejects.toThrow(/cannot listen on 127.0.0.1:\d+/)
    await expect(call({ socketPath: other }, '/api')).rejects.toThrow()
    await second.close(100)
  })
})
