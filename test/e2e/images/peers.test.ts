// Image content from other hosts: real TLS servers that send it, cut it, lie about it, or are somebody else.
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { ContentStore } from '../../../agent/images/content-store.ts'
import { PeerFetch, type PeerFetchDeps } from '../../../agent/images/peer-fetch.ts'
import { type HostIdentity, type TestAuthority, testAuthority } from '../../support/cluster-certificates.ts'
import { DISK_BYTES, makeSources } from './sources.ts'

const MIB = 1024 * 1024
const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

let dir: string
let authority: TestAuthority
let own: HostIdentity
const identities = new Map<string, HostIdentity>()
/** An ISO image of 5 MiB: its bytes are random but for the descriptor that makes it one. */
let iso: Buffer
let digest: string
let qcow2: Buffer

let state: string
let content: ContentStore
const servers: Server[] = []

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-peers-'))
  authority = await testAuthority(dir)
  own = await authority.issue('system:node:h0')
  for (const name of ['h1', 'h2', 'h3']) identities.set(name, await authority.issue(`system:node:${name}`))
  iso = randomBytes(5 * MIB)
  iso.fill(0, 0, 2048)
  iso.write('CD001', 32_769, 'latin1')
  digest = sha256(iso)
  qcow2 = (await makeSources(dir)).qcow2
})
afterAll(() => rm(dir, { recursive: true, force: true }))

beforeEach(async () => {
  state = await mkdtemp(join(dir, 'state-'))
  content = new ContentStore({ dir: join(state, 'images'), diskDigests: async () => [] })
  await content.open()
})
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

interface Seen {
  readonly path: string
  readonly range: string | undefined
}
type Reply = (request: IncomingMessage, response: ServerResponse) => void

/** A host that answers with `reply`. */
async function host(node: string, reply: Reply, identity = identities.get(node)) {
  const seen: Seen[] = []
  const server = createServer({ ...identity, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    seen.push({ path: request.url ?? '', range: request.headers.range })
    response.on('error', () => {})
    reply(request, response)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { source: { node, url: `https://127.0.0.1:${(server.address() as AddressInfo).port}` }, seen }
}

/** Sends `bytes` as an agent does; `most` of them before the connection breaks. */
const sends =
  (bytes: Buffer, { most = Number.POSITIVE_INFINITY, format = 'iso' } = {}): Reply =>
  ({ headers }, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0)
    const part = bytes.subarray(start)
    response.writeHead(start === 0 ? 200 : 206, {
      'content-length': part.length,
      'berth-source-format': format,
      ...(start === 0 ? {} : { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    })
    if (part.length <= most) response.end(part)
    else response.write(part.subarray(0, most), () => setTimeout(() => response.destroy(), 50))
  }

const fetcher = (changes: Partial<PeerFetchDeps['config']> = {}, deps: Partial<PeerFetchDeps> = {}) =>
  new PeerFetch({
    content,
    config: {
      maxVirtualBytes: 64n * 1024n * 1024n,
      stallTimeoutMs: 2_000,
      totalTimeoutMs: 30_000,
      concurrency: 2,
      ...changes,
    },
    log: QUIET,
    tls: () => own,
    ...deps,
  })

const claim = { uid: 'needs-it', object: { kind: 'VirtualDisk' } }
const never = new AbortController().signal
const ensure = (sources: readonly { node: string; url: string }[], wanted = digest, peers = fetcher()) =>
  peers.ensureImage({ digest: wanted, sources, claim }, never)

async function expectNothingLeft(): Promise<void> {
  for (const folder of ['tmp', 'sha256', 'objects'])
    expect(await readdir(join(state, 'images', folder)), folder).toEqual([])
}

it('brings a disk image as it is stored there, claims it, and asks nobody the second time', async () => {
  const wanted = sha256(qcow2)
  const h1 = await host('h1', sends(qcow2, { format: 'vmdk' }))
  const image = await ensure([h1.source], wanted)
  expect(image).toMatchObject({ digest: wanted, format: 'qcow2', sourceFormat: 'vmdk', cdrom: false })
  expect(image.virtualSize).toBe(BigInt(DISK_BYTES))
  expect((await readFile(content.path(wanted))).equals(qcow2)).toBe(true)
  expect(content.claim('needs-it')?.digest).toBe(wanted)
  expect(await content.collect()).toEqual([])
  await ensure([h1.source], wanted)
  expect(h1.seen).toEqual([{ path: `/apis/cluster.berth/v1/imagecontents/${wanted}/content`, range: undefined }])
  await content.release('needs-it')
  await expectNothingLeft()
})

it('goes on at the next host where one broke off', async () => {
  const h1 = await host('h1', sends(iso, { most: 2 * MIB }))
  const h2 = await host('h2', sends(iso))
  expect(await ensure([h1.source, h2.source])).toMatchObject({ digest, format: 'raw', cdrom: true })
  expect(h1.seen).toHaveLength(1)
  const from = Number(/^bytes=(\d+)-$/.exec(h2.seen[0]?.range ?? '')?.[1])
  expect(from).toBeGreaterThan(0)
  expect(from).toBeLessThanOrEqual(2 * MIB)
})

it('does not take other content for it, and goes to the next host', async () => {
  const other = Buffer.from(iso)
  other[3 * MIB] = (other[3 * MIB] ?? 0) ^ 1
  const h1 = await host('h1', sends(other))
  const h2 = await host('h2', sends(iso))
  expect(await ensure([h1.source, h2.source])).toMatchObject({ digest })
  await content.release('needs-it')
  await expect(ensure([h1.source])).rejects.toThrow(
    `could not be had from another host: h1 (${h1.source.url}): what it sent is not the content of that digest`,
  )
  await expectNothingLeft()
})

it('asks each host alone when parts of several make no sense together', async () => {
  const other = randomBytes(iso.length)
  const h1 = await host('h1', sends(other, { most: 2 * MIB }))
  const h2 = await host('h2', sends(iso))
  expect(await ensure([h1.source, h2.source])).toMatchObject({ digest })
  expect(h2.seen.map(({ range }) => range === undefined)).toEqual([false, true])
})

it('says of each host what was wrong with it', async () => {
  const foreign = await (await testAuthority(dir, 'foreign')).issue('system:node:h2')
  const [reply] = [sends(iso)]
  const gone = { node: 'h9', url: 'https://127.0.0.1:1' }
  const cases: readonly (readonly [{ readonly node: string; readonly url: string }, RegExp])[] = [
    [gone, /h9 \(https:\/\/127\.0\.0\.1:1\): it refused the connection/],
    [
      (await host('h2', reply, identities.get('h1'))).source,
      /its certificate is of system:node:h1, not of system:node:h2/,
    ],
    [(await host('h2', reply, foreign)).source, /unable to|self-signed|certificate/],
    [
      (await host('h1', (_request, response) => response.writeHead(403).end('{"message":"no role allows it"}'))).source,
      /it answered 403: no role allows it/,
    ],
    [
      (await host('h1', (_request, response) => response.writeHead(500).end('x'.repeat(9_999)))).source,
      /it answered 500/,
    ],
    [
      (await host('h1', (_request, response) => response.end('no length'))).source,
      /did not say how long|is not the content/,
    ],
    [(await host('h1', () => {})).source, /it did not answer within 1 s/],
    [
      (
        await host('h1', (_request, response) => {
          response.writeHead(200, { 'content-length': 9 * MIB }).write(iso.subarray(0, MIB))
        })
      ).source,
      /no data came for 1 s/,
    ],
    [
      (
        await host('h1', (_request, response) => {
          response.writeHead(200, { 'content-length': 9 * MIB })
          const drip = setInterval(() => response.write('x'), 100)
          response.on('close', () => clearInterval(drip))
        })
      ).source,
      /too slow: less than 65536 bytes came in 1 s/,
    ],
    [
      (
        await host('h1', (_request, response) =>
          response.writeHead(200, { 'content-length': '99999999999' }).write('x'),
        )
      ).source,
      /99999999999 bytes, far beyond importer.maxVirtualBytes/,
    ],
    [{ node: 'h1', url: 'http://127.0.0.1:1' }, /is not an https URL/],
  ]
  const peers = fetcher({ stallTimeoutMs: 1_000 })
  for (const [source, words] of cases) await expect(ensure([source], digest, peers)).rejects.toThrow(words)
  const all = await ensure([], digest, peers).catch(String)
  expect(all).toContain('no host is known to have it')
  await expectNothingLeft()
})

it('takes hosts at their word about the length only as long as they agree', async () => {
  const h1 = await host('h1', sends(iso, { most: MIB }))
  const h2 = await host('h2', sends(iso.subarray(0, 3 * MIB)))
  await expect(ensure([h1.source, h2.source])).rejects.toThrow(
    /it says that the content has 3145728 bytes, another host said 5242880/,
  )
})

it('refuses content that the digest proves and that no image may be', async () => {
  const hostile = Buffer.alloc(MIB)
  hostile.write('QFI\xfb', 0, 'latin1')
  hostile.writeUInt32BE(3, 4)
  hostile.writeBigUInt64BE(512n, 8)
  hostile.writeUInt32BE(11, 16)
  hostile.write('/etc/shadow', 512, 'latin1')
  const h1 = await host('h1', sends(hostile))
  await expect(ensure([h1.source], sha256(hostile))).rejects.toThrow(/a qcow2 image with a backing file/)
  await expectNothingLeft()
})

it('brings a digest once, for all that want it at the same time', async () => {
  const h1 = await host('h1', sends(iso))
  const peers = fetcher()
  const wants = ['a', 'b', 'c'].map((uid) =>
    peers.ensureImage({ digest, sources: [h1.source], claim: { uid, object: null } }, never),
  )
  await Promise.all(wants)
  expect(h1.seen).toHaveLength(1)
  expect(
    content
      .claims()
      .map(({ uid }) => uid)
      .sort(),
  ).toEqual(['a', 'b', 'c'])
})

it('one who leaves does not take it from the others', async () => {
  const h1 = await host('h1', (request, response) => setTimeout(() => sends(iso)(request, response), 300))
  const peers = fetcher()
  const leaving = new AbortController()
  const first = peers.ensureImage({ digest, sources: [h1.source], claim }, leaving.signal)
  const second = peers.ensureImage({ digest, sources: [h1.source], claim: { uid: 'b', object: null } }, never)
  setTimeout(() => leaving.abort(new Error('no longer wanted')), 100)
  await expect(first).rejects.toThrow('no longer wanted')
  expect(await second).toMatchObject({ digest })
})

it('stops while there is room left on the disk, and says what is missing where the host is in no cluster', async () => {
  const h1 = await host('h1', sends(iso))
  await expect(ensure([h1.source], digest, fetcher({}, { space: async () => 0n }))).rejects.toThrow(
    'there is not enough free space for the image',
  )
  await expect(ensure([h1.source], digest, fetcher({}, { tls: () => null }))).rejects.toThrow(
    'this host is in no cluster',
  )
  await expectNothingLeft()
})
