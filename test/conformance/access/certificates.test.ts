// Client certificates: good ones come in, bad ones hear why and do not disturb those who have a token; the server's own is exchanged
// while it runs.
import { X509Certificate } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { issueClient, openIdentity, renewIdentity } from '../../../lib/apiserver/auth/certificates.ts'
import { TlsKeeper } from '../../../lib/apiserver/auth/tls-keeper.ts'
import { systemClock } from '../../../lib/clock.ts'
import { adminToken, issueToken, TlsClient } from '../../support/access.ts'
import { startApiServer, type TestApiServer } from '../../support/api-server.ts'

let server: TestApiServer
let folder: string
const WHOAMI = '/apis/authentication.k8s.io/v1/selfsubjectreviews'

beforeAll(async () => {
  server = await startApiServer()
  folder = await mkdtemp(join(tmpdir(), 'berth-certificates-'))
})
afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

const keys = () => join(server.folder, 'keys')

async function whoami(credentials: { token?: string; cert?: string; key?: string }) {
  const client = new TlsClient(server, credentials)
  const { code, text } = await client.ask('POST', WHOAMI, {})
  await client.close()
  const { status, message } = JSON.parse(text)
  return { code, user: status.userInfo?.username, groups: status.userInfo?.groups, message }
}

it('takes a certificate of its own authority', async () => {
  const made = await issueClient(keys(), { user: 'carl@example.org', groups: ['a b', 'system:masters'], days: 1 })
  expect(await whoami(made)).toMatchObject({
    code: 201,
    user: 'carl@example.org',
    groups: ['a b', 'system:masters', 'system:authenticated'],
  })
})

it('refuses others in words, and lets their owners use a token all the same', async () => {
  const foreign = join(folder, 'foreign')
  await mkdir(foreign)
  await openIdentity({ folder: foreign, addresses: [], clock: systemClock })
  const subject = { user: 'admin', groups: ['system:masters'], days: 1 }
  const bad = await issueClient(foreign, subject)
  expect(await whoami(bad)).toMatchObject({ code: 401, message: expect.stringContaining('no authority') })
  const token = await adminToken(server)
  expect(await whoami({ ...bad, token })).toMatchObject({ code: 201, user: 'admin' })
  // The server's own certificate is of the right authority, but not for clients.
  const pem = await readFile(join(keys(), 'server.pem'), 'utf8')
  expect(await whoami({ cert: pem, key: pem })).toMatchObject({
    code: 401,
    message: expect.stringContaining('not for clients'),
  })
  const good = await issueClient(keys(), { ...subject, user: 'good' })
  expect(await whoami({ ...good, token: 'wrong' })).toMatchObject({ code: 401 })
  expect(await whoami({ ...good, token: await issueToken(server.server.resources, 'tim') })).toMatchObject({
    user: 'tim',
  })
})

it.each(['', 'a\nO = system:masters', 'a, O = x', '$ENV::HOME', 'x'.repeat(65), 'ü'])(
  'makes no certificate for %j',
  async (user) => {
    await expect(issueClient(keys(), { user, groups: [], days: 1 })).rejects.toThrow('cannot be a name')
  },
)

/** The certificate that a server shows to a new client. */
const shown = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '')
      socket.destroy()
    })
    socket.once('error', reject)
  })

it('takes a renewed certificate while it runs, and open connections go on', async () => {
  const before = await shown(server.port)
  const client = new TlsClient(server, { token: await adminToken(server) })
  const watch = await client.watch('/api/v1/namespaces?watch=true&timeoutSeconds=60')
  let over = false
  void watch.ended.then(
    () => {
      over = true
    },
    () => undefined,
  )
  await renewIdentity({ folder: keys(), addresses: ['127.0.0.1'] })
  await expect.poll(() => shown(server.port), { timeout: 30_000, interval: 200 }).not.toBe(before)
  const pem = await readFile(join(keys(), 'server.pem'), 'utf8')
  const certificate = pem.slice(pem.indexOf('-----BEGIN CERTIFICATE'))
  expect(await shown(server.port)).toBe(new X509Certificate(certificate).fingerprint256)
  expect((await client.ask('GET', '/version')).code).toBe(200)
  expect(over).toBe(false)
  await client.close()
})

it('keeps what is good when new files are not, and says so once', async () => {
  const [first, second] = [join(folder, 'one'), join(folder, 'two')]
  for (const path of [first, second]) await mkdir(path)
  const one = await openIdentity({ folder: first, addresses: ['berth.example'], clock: systemClock })
  const two = await openIdentity({ folder: second, addresses: ['berth.example'], clock: systemClock })
  const files = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key'), caFile: join(folder, 'ca.crt') }
  const put = async (cert: string, key: string) => {
    await writeFile(files.certFile, cert)
    await writeFile(files.keyFile, key)
  }
  await put(one.cert, one.key)
  await writeFile(files.caFile, one.ca)
  const options = { folder: join(folder, 'own'), addresses: [], clock: systemClock, files }
  const keeper = await TlsKeeper.open(options)
  const heard: string[] = []
  keeper.onChange(({ cert }) => void heard.push(cert))
  expect([keeper.cert, keeper.ca, keeper.nameFor('127.0.0.1')]).toEqual([one.cert, one.ca, null])
  expect(keeper.nameFor('192.0.2.1')).toBe('localhost')
  expect(await keeper.look()).toBe(false)
  // The certificate was exchanged, the key not yet.
  await put(two.cert, one.key)
  await expect(keeper.look()).rejects.toThrow('is not the key of')
  await put('half a fi', two.key)
  await expect(keeper.look()).rejects.toThrow('holds no certificate')
  expect([keeper.cert, heard]).toEqual([one.cert, []])
  await put(two.cert, two.key)
  expect(await keeper.look()).toBe(true)
  expect([keeper.cert, heard]).toEqual([two.cert, [two.cert]])
  await rm(files.keyFile)
  await expect(TlsKeeper.open(options)).rejects.toThrow('tls.keyFile')
})
