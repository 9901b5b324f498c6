// Downloads over TLS: whom to trust, and no way down to plain http unnoticed.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ContentStore } from '../../../agent/images/content-store.ts'
import { type HttpSource, Importer } from '../../../agent/images/importer.ts'
import { startServer, type TestServer } from './server.ts'

const exec = promisify(execFile)
const CONTENT = Buffer.alloc(1 << 20, 'disk')

let dir: string
let caBundle: string
let secure: Server
let plain: TestServer
let importer: Importer
let origin: string

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-https-'))
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const name = ['-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:images.example']
  await exec('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-keyout',
    key,
    '-out',
    cert,
    ...name,
  ])
  const pem = await readFile(cert)
  caBundle = pem.toString('base64')
  plain = await startServer()
  const file = plain.file('/disk', CONTENT)
  secure = createServer({ key: await readFile(key), cert: pem }, (request, response) => {
    if (request.url === '/down') response.writeHead(302, { location: file }).end()
    else response.end(CONTENT)
  })
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve))
  const { port } = secure.address() as AddressInfo
  origin = `https://127.0.0.1:${port}`
  const content = new ContentStore({ dir: join(dir, 'images'), diskDigests: async () => [] })
  await content.open()
  const names = { resolve: async () => ['127.0.0.1'], own: () => [] }
  const config = {
    allow: [`127.0.0.1:${port}`, `127.0.0.1:${plain.port}`],
    maxBytes: 1n << 30n,
    maxVirtualBytes: 1n << 30n,
    stallTimeoutMs: 2_000,
    totalTimeoutMs: 10_000,
    concurrency: 1,
  }
  importer = new Importer({ content, config, names })
})
afterAll(async () => {
  secure.closeAllConnections()
  secure.close()
  await plain.close()
  await rm(dir, { recursive: true, force: true })
})

const go = (source: HttpSource) =>
  importer.import({ source, claim: { uid: 'u', object: {} } }, () => {}, AbortSignal.timeout(20_000))

describe('https', () => {
  it('a certificate that nobody vouches for is refused in words', async () => {
    await expect(go({ url: `${origin}/disk` })).rejects.toThrow(/the download failed: self-signed certificate/)
  })

  it('caBundle makes it trusted, by address and by name', async () => {
    expect((await go({ url: `${origin}/disk`, caBundle })).virtualSize).toBe(1n << 20n)
    const { port } = new URL(origin)
    expect((await go({ url: `https://images.example:${port}/disk`, caBundle })).virtualSize).toBe(1n << 20n)
  })

  it('a certificate for another name is refused', async () => {
    const { port } = new URL(origin)
    await expect(go({ url: `https://other.example:${port}/disk`, caBundle })).rejects.toThrow(
      /does not match certificate/,
    )
  })

  it('a bundle without a certificate is refused', async () => {
    const empty = Buffer.from('nothing').toString('base64')
    await expect(go({ url: `${origin}/disk`, caBundle: empty })).rejects.toMatchObject({ fault: 'refused' })
  })

  it('a redirect down to http is refused unless a checksum proves the content', async () => {
    const url = `${origin}/down`
    await expect(go({ url, caBundle })).rejects.toThrow(/redirects from https to http: give a checksum/)
    const sha256 = createHash('sha256').update(CONTENT).digest('hex')
    expect((await go({ url, caBundle, checksum: { sha256 } })).virtualSize).toBe(1n << 20n)
  })
})
