// Large answers: whole or in part, no faster than they are read, cut when their time or right is over.
import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { spanOf } from '../../../../lib/apiserver/http/content.ts'
import { ApiError } from '../../../../lib/errors.ts'
import { startServer, type TestServer } from './server.ts'

const BYTES = Buffer.from('0123456789')
const PIECE = Buffer.alloc(1_048_576, 7)
const LARGE = 64 * PIECE.length
const PATH = '/apis/cluster.test/v1/blobs'

let api: TestServer
let folder: string
/** Pieces of large content that were taken, and how its reading ended. */
let taken = 0
let closed = 0

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-content-'))
  api = await startServer({
    slowWatcherMs: 300,
    reads: [
      {
        group: 'cluster.test',
        version: 'v1',
        plural: 'blobs',
        name: 'content',
        kind: 'Blob',
        scope: 'Cluster',
        audience: 'nodes',
        read: async ({ name, namespace }) => {
          expect(namespace).toBe('')
          if (name === 'missing') throw new ApiError('NotFound', 'there is no such blob')
          const size = name === 'small' ? BYTES.length : LARGE
          return {
            type: 'application/octet-stream',
            size,
            headers: { etag: '"e"' },
            deadlineMs: name === 'brief' ? 200 : 60_000,
            open: (start, end) => {
              if (name === 'full') throw new ApiError('TooManyRequests', 'others are reading')
              return pieces(name, start, end)
            },
          }
        },
      },
    ],
  })
  await api.server.listen({ unix: { path: join(folder, 's') } })
})
afterAll(async () => {
  await api.stop()
  await rm(folder, { recursive: true, force: true })
})

async function* pieces(name: string, start: number, end: number): AsyncGenerator<Uint8Array> {
  try {
    if (name === 'small') return yield BYTES.subarray(start, end)
    for (let at = start; at < end; at += PIECE.length) {
      if (name === 'broken' && at >= 2 * PIECE.length) throw new Error('the disk is broken')
      taken += 1
      yield PIECE
    }
  } finally {
    closed += 1
  }
}

const open = (path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const asked = request({ socketPath: join(folder, 's'), path: `${PATH}/${path}`, headers, agent: false })
    asked.once('response', resolve)
    asked.once('error', reject)
    asked.end()
  })

async function read(path: string, headers: Record<string, string> = {}) {
  const response = await open(path, headers)
  const chunks: Buffer[] = []
  let cut = false
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer)
  } catch {
    cut = true
  }
  const body = Buffer.concat(chunks)
  return { code: response.statusCode, headers: response.headers, body, cut }
}

it('sends all of it, with its length and headers', async () => {
  const { code, headers, body } = await read('small/content')
  expect(code).toBe(200)
  expect(body.toString()).toBe('0123456789')
  expect(headers).toMatchObject({ 'content-length': '10', 'accept-ranges': 'bytes', etag: '"e"' })
})

it('sends a part of it', async () => {
  const part = await read('small/content', { range: 'bytes=4-' })
  expect(part).toMatchObject({ code: 206, headers: { 'content-range': 'bytes 4-9/10', 'content-length': '6' } })
  expect(part.body.toString()).toBe('456789')
  expect((await read('small/content', { range: 'bytes=2-3' })).body.toString()).toBe('23')
  const beyond = await read('small/content', { range: 'bytes=10-' })
  expect(beyond).toMatchObject({ code: 416, headers: { 'content-range': 'bytes */10' } })
  expect(JSON.parse(beyond.body.toString())).toMatchObject({ kind: 'Status', code: 416 })
})

it('answers in words before the first byte', async () => {
  for (const [path, code] of [
    ['missing/content', 404],
    ['full/content', 429],
    ['small', 404],
    ['small/other', 404],
  ] as const)
    expect((await read(path)).code, path).toBe(code)
  const namespaced = await api.call('GET', '/apis/cluster.test/v1/namespaces/default/blobs/small/content')
  expect(namespaced.code).toBe(404)
  expect((await api.call('POST', `${PATH}/small/content`, {})).code).toBe(405)
})

it('goes no faster than it is read, and cuts off who does not read', async () => {
  taken = 0
  closed = 0
  const response = await open('large/content')
  response.pause()
  await new Promise((resolve) => setTimeout(resolve, 150))
  expect(taken).toBeLessThan(10)
  await new Promise((resolve) => setTimeout(resolve, 400))
  expect(closed).toBe(1)
  await expect(
    (async () => {
      for await (const _ of response);
    })(),
  ).rejects.toThrow('aborted')
})

it('is cut at its deadline and where its source fails: no client takes a part for the whole', async () => {
  const broken = await read('broken/content')
  expect(broken).toMatchObject({ code: 200, cut: true })
  expect(broken.body.length).toBeLessThanOrEqual(2 * PIECE.length)
  const response = await open('brief/content')
  const began = Date.now()
  await expect(
    (async () => {
      for await (const _ of response) await new Promise((resolve) => setTimeout(resolve, 20))
    })(),
  ).rejects.toThrow('aborted')
  expect(Date.now() - began).toBeLessThan(5_000)
})

it('is in discovery as cluster-scoped, and in the role of hosts, not in those of people', async () => {
  const { body } = await api.call('GET', '/apis/cluster.test/v1')
  expect(body.resources).toEqual([
    { name: 'blobs/content', singularName: '', namespaced: false, kind: 'Blob', verbs: ['get'] },
  ])
})

describe('spanOf', () => {
  it.each([
    ['bytes=0-', { start: 0, end: 10 }],
    ['bytes=3-5', { start: 3, end: 6 }],
    ['bytes=3-99', { start: 3, end: 10 }],
    ['bytes=-4', { start: 6, end: 10 }],
    ['bytes=-40', { start: 0, end: 10 }],
    ['bytes=10-', 'outside'],
    ['bytes=-0', 'outside'],
    ['bytes=5-3', null],
    ['bytes=0-1,3-4', null],
    ['lines=1-2', null],
    ['bytes=-', null],
    [undefined, null],
  ])('%s', (range, span) => expect(spanOf(range, 10)).toEqual(span))
})
