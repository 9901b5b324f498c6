// Watches over a real socket: what is there, what changes, what a selector hides, where one can resume.
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { call, type Lines, lines, type Where } from './live.ts'
import { startServer, type TestServer, WIDGETS, widget } from './server.ts'

let api: TestServer
let folder: string
let where: Where
const opened: Lines[] = []
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-watch-'))
  api = await startServer()
  where = { socketPath: join(folder, 'api.sock') }
  await api.server.listen({ unix: { path: join(folder, 'api.sock') } })
  await api.call('POST', WIDGETS, widget('a', { size: 1 }, { labels: { set: 'x' } }))
})
afterEach(() => {
  for (const one of opened.splice(0)) one.stop()
})
afterAll(async () => {
  await api.stop()
  await rm(folder, { recursive: true, force: true })
})

const watch = async (query: string, headers = {}, base = WIDGETS): Promise<Lines> => {
  const stream = await lines(where, `${base}?watch=true&${query}`, headers)
  opened.push(stream)
  return stream
}
const merge = { 'content-type': 'application/merge-patch+json' }
const label = (name: string, set: string | null) =>
  api.call('PATCH', `${WIDGETS}/${name}`, { metadata: { labels: { set } } }, merge)
const short = (event: { type: string; object: { metadata: { name: string } } }) =>
  `${event.type} ${event.object.metadata.name}`

it('shows the present state, then each change', async () => {
  const stream = await watch('')
  expect(short(await stream.next())).toBe('ADDED a')
  const made = (await api.call('POST', WIDGETS, widget('b'))).body
  const added = await stream.next()
  expect(added).toEqual({ type: 'ADDED', object: made })
  await api.call('PATCH', `${WIDGETS}/b/status`, { status: { phase: 'Ready' } }, merge)
  const modified = await stream.next()
  expect([short(modified), modified.object.status.phase]).toEqual(['MODIFIED b', 'Ready'])
  await api.call('DELETE', `${WIDGETS}/b`)
  const deleted = await stream.next()
  expect(short(deleted)).toBe('DELETED b')
  expect(deleted.object.status.phase).toBe('Ready')
  expect(BigInt(deleted.object.metadata.resourceVersion)).toBeGreaterThan(
    BigInt(modified.object.metadata.resourceVersion),
  )
})

it('goes on from a revision, missing nothing', async () => {
  const { resourceVersion } = (await api.call('GET', WIDGETS)).body.metadata
  await api.call('POST', WIDGETS, widget('c'))
  await api.call('DELETE', `${WIDGETS}/c`)
  const stream = await watch(`resourceVersion=${resourceVersion}`)
  expect(short(await stream.next())).toBe('ADDED c')
  expect(short(await stream.next())).toBe('DELETED c')
})

it('shows what comes into a selector as added, and what leaves it as deleted', async () => {
  const stream = await watch('labelSelector=set%3Dx')
  expect(short(await stream.next())).toBe('ADDED a')
  await api.call('POST', WIDGETS, widget('d'))
  await label('a', null)
  const left = await stream.next()
  expect([short(left), left.object.metadata.labels]).toEqual(['DELETED a', { set: 'x' }])
  await label('d', 'x')
  expect(short(await stream.next())).toBe('ADDED d')
  await api.call('DELETE', `${WIDGETS}/d`)
  expect(short(await stream.next())).toBe('DELETED d')
  await label('a', 'x')
  expect(short(await stream.next())).toBe('ADDED a')
})

it('watches one object, one namespace, all namespaces', async () => {
  const one = await watch('', {}, `${WIDGETS}/a`)
  const all = await watch('', {}, '/apis/test.berth/v1/widgets')
  expect(short(await one.next())).toBe('ADDED a')
  expect(short(await all.next())).toBe('ADDED a')
  await api.call('POST', WIDGETS.replace('default', 'other'), widget('far'))
  expect(short(await all.next())).toBe('ADDED far')
  await label('a', 'y')
  expect(short(await one.next())).toBe('MODIFIED a')
  await label('a', 'x')
})

it('shows tables and other versions', async () => {
  const table = await watch('', TABLE)
  const first = await table.next()
  expect([first.object.kind, first.object.columnDefinitions.length, first.object.rows[0].cells[0]]).toEqual([
    'Table',
    5,
    'a',
  ])
  const beta = await watch('', {}, WIDGETS.replace('/v1/', '/v1beta1/'))
  expect((await beta.next()).object.spec.bigness).toBe(1)
  await label('a', 'z')
  const second = await table.next()
  expect([second.object.columnDefinitions, second.object.rows[0].cells[0]]).toEqual([[], 'a'])
  expect((await beta.next()).object.apiVersion).toBe('test.berth/v1beta1')
  await label('a', 'x')
})

it('marks the end of the present state', async () => {
  const stream = await watch('allowWatchBookmarks=true')
  await stream.next()
  const mark = await stream.next()
  expect([mark.type, mark.object.kind, mark.object.metadata.resourceVersion]).toEqual([
    'BOOKMARK',
    'Widget',
    String(api.store.revision()),
  ])
  const initial = await watch('allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan')
  await initial.next()
  expect((await initial.next()).object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' })
  expect((await lines(where, `${WIDGETS}?watch=true&sendInitialEvents=true`)).code).toBe(422)
})

it('ends at its time', async () => {
  const stream = await watch('timeoutSeconds=1')
  const begin = Date.now()
  await stream.ended
  expect(Date.now() - begin).toBeGreaterThan(500)
})

it('says 410 for a revision of another server', async () => {
  const future = await call(where, `${WIDGETS}?watch=true&resourceVersion=${api.store.revision() + 10n}`)
  expect([future.code, JSON.parse(future.text).reason]).toEqual([410, 'Expired'])
})

describe('a client that reads nothing', () => {
  const notes = '/api/v1/namespaces/default/notes'
  const text = 'x'.repeat(200_000)
  const names = Array.from({ length: 30 }, (_, index) => `n${index}`)

  /** Six megabytes of events behind a socket that nobody reads: more than any buffer between. */
  const flood = async (server: TestServer, socketPath: string): Promise<Socket> => {
    const socket = connect(socketPath)
    await new Promise((resolve) => socket.once('connect', resolve))
    socket.write(`GET ${notes}?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n`)
    await new Promise((resolve) => socket.once('readable', resolve))
    for (const name of names)
      expect((await server.call('POST', notes, { metadata: { name }, data: { text } })).code).toBe(201)
    return socket
  }

  it('holds up nobody, and gets everything once it reads', async () => {
    const socket = await flood(api, join(folder, 'api.sock'))
    let seen = ''
    socket.on('data', (chunk: Buffer) => {
      seen += chunk.toString('latin1').replace(/x{3,}/g, '')
    })
    const added = () => [...seen.matchAll(/"type":"ADDED".*?"name":"(n\d+)"/g)].map((match) => match[1])
    await expect.poll(() => added().length, { timeout: 5_000 }).toBe(30)
    expect(added()).toEqual(names)
    socket.destroy()
  })

  it('is cut off in the end', async () => {
    const other = await startServer({ slowWatcherMs: 200 })
    const path = join(folder, 'slow.sock')
    await other.server.listen({ unix: { path } })
    const socket = await flood(other, path)
    await expect.poll(() => other.logged.join(''), { timeout: 5_000 }).toContain('reads too slowly')
    socket.destroy()
    await other.stop()
  })
})

it('is ended by the closing server', async () => {
  const other = await startServer()
  const path = join(folder, 'other.sock')
  await other.server.listen({ unix: { path } })
  const stream = await lines({ socketPath: path }, `${WIDGETS}?watch=true`)
  const begin = Date.now()
  await other.stop()
  await stream.ended
  expect(Date.now() - begin).toBeLessThan(3_000)
})
