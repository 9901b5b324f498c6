// What a first start makes, and what later starts keep, renew and mend.
import { X509Certificate } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openAccess } from '../../../../../lib/apiserver/auth/access.ts'
import { ACCESS_TOKENS } from '../../../../../lib/apiserver/auth/access-state.ts'
import { subjectsOf } from '../../../../../lib/apiserver/auth/certificates.ts'
import { tokenIn } from '../../../../../lib/apiserver/auth/kubeconfig.ts'
import { hashOfToken } from '../../../../../lib/apiserver/auth/tokens.ts'
import { type ApiServer, createApiServer } from '../../../../../lib/apiserver/server.ts'
import { type Clock, systemClock } from '../../../../../lib/clock.ts'
import { openSqliteStore } from '../../../../../lib/store/sqlite/open.ts'
import type { Store } from '../../../../../lib/store/store.ts'
import { ACCESS_TOKEN, type AccessToken } from '../../../../../schemas/index.ts'

let folder: string
let api: ApiServer
let store: Store
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-access-'))
  store = await openSqliteStore({ path: join(folder, 'db', 'store.db') })
  const log = pino({ level: 'silent' })
  api = await createApiServer({ store, kinds: [ACCESS_TOKEN], clock: systemClock, log, version: '0' })
})
afterEach(async () => {
  await api.close(0)
  await store.close()
  await rm(folder, { recursive: true, force: true })
})

const admits = async (token: string): Promise<boolean> => {
  const known = await api.resources.get<AccessToken>(ACCESS_TOKENS, { namespace: '', name: 'admin' })
  return known?.spec.user === 'admin' && known.spec.sha256 === hashOfToken(token)
}

const SERVER = 'https://127.0.0.1:8750'
const open = (addresses = ['127.0.0.1'], clock: Clock = systemClock) =>
  openAccess({ stateFolder: folder, addresses, clock })
const read = (name: string) => readFile(join(folder, name), 'utf8')
const token = async () => tokenIn(await read('kubeconfig'), 'admin') ?? ''

it('makes everything at the first start, for our eyes only', async () => {
  const access = await open(['192.0.2.7', 'host.example'])
  await access.publish(SERVER, api.resources)
  const certificate = new X509Certificate(access.tls.cert)
  for (const name of ['localhost', 'host.example']) expect(certificate.checkHost(name)).toBe(name)
  for (const address of ['127.0.0.1', '::1', '192.0.2.7']) expect(certificate.checkIP(address)).toBe(address)
  expect(certificate.checkHost('evil.example')).toBeUndefined()
  expect(certificate.verify(new X509Certificate(access.tls.ca).publicKey)).toBe(true)
  expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
  for (const name of ['kubeconfig', 'keys/ca.pem', 'keys/server.pem'])
    expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600)
  expect((await stat(join(folder, 'keys'))).mode & 0o777).toBe(0o700)
  expect(await admits(await token())).toBe(true)
  expect(await admits(`${await token()}x`)).toBe(false)
  const object = await api.resources.get(ACCESS_TOKENS, { namespace: '', name: 'admin' })
  expect(JSON.stringify(object)).not.toContain(await token())
  expect(object).toMatchObject({ spec: { user: 'admin', groups: ['system:masters'] } })
  expect((await readdir(join(folder, 'keys'))).sort()).toEqual(['ca.crt', 'ca.pem', 'server.pem'])
})

it('keeps what fits', async () => {
  await (await open()).publish(SERVER, api.resources)
  const before = [await read('keys/ca.pem'), await read('keys/server.pem'), await read('kubeconfig')]
  await (await open()).publish(SERVER, api.resources)
  expect([await read('keys/ca.pem'), await read('keys/server.pem'), await read('kubeconfig')]).toEqual(before)
})

it('renews the certificate for new addresses and in time, from the same CA, with the same token', async () => {
  await (await open()).publish(SERVER, api.resources)
  const [ca, first, held] = [await read('keys/ca.pem'), await read('keys/server.pem'), await token()]
  await (await open(['127.0.0.1', '192.0.2.8'])).publish('https://192.0.2.8:8750', api.resources)
  const second = await read('keys/server.pem')
  expect(second).not.toBe(first)
  expect([await read('keys/ca.pem'), await token()]).toEqual([ca, held])
  expect(await read('kubeconfig')).toContain('https://192.0.2.8:8750')
  // Simulated: the clock stands 800 days later.
  const later: Clock = { ...systemClock, now: () => Date.now() + 800 * 86_400_000 }
  await open(['127.0.0.1', '192.0.2.8'], later)
  expect(await read('keys/server.pem')).not.toBe(second)
})

it('changes the token when the kubeconfig was removed, and ends the old one', async () => {
  await (await open()).publish(SERVER, api.resources)
  const old = await token()
  await rm(join(folder, 'kubeconfig'))
  const access = await open()
  await access.publish(SERVER, api.resources)
  expect(await token()).not.toBe(old)
  expect([await admits(old), await admits(await token())]).toEqual([false, true])
})

it('mends what a crash left at any step', async () => {
  const keys = join(folder, 'keys')
  await (await open()).publish(SERVER, api.resources)
  const leave: (() => Promise<void>)[] = [
    () => rm(join(keys, 'server.pem')),
    () => rm(join(keys, 'ca.crt')),
    () => api.resources.delete(ACCESS_TOKENS, { namespace: '', name: 'admin' }),
    () => writeFile(join(keys, 'tokens.json'), '{"tokens":[]}'),
    () => rm(join(folder, 'kubeconfig')),
    () => writeFile(join(folder, 'kubeconfig'), 'half a fi'),
    () => writeFile(join(keys, 'server.pem'), '-----BEGIN PRIVATE KEY-----\nAAAA\n'),
    () => writeFile(join(keys, 'server.pem.0123456789ab.tmp'), 'half'),
    () => writeFile(join(folder, 'kubeconfig.0123456789ab.tmp'), 'half'),
    () => mkdir(join(keys, '.certificates-abc')).then(() => writeFile(join(keys, '.certificates-abc', 'key'), 'half')),
  ]
  for (const step of leave) {
    await step()
    const access = await open()
    await access.publish(SERVER, api.resources)
    expect(await admits(await token())).toBe(true)
    expect(new X509Certificate(access.tls.cert).verify(new X509Certificate(access.tls.ca).publicKey)).toBe(true)
    expect((await readdir(keys)).sort()).toEqual(['ca.crt', 'ca.pem', 'server.pem'])
    expect((await readdir(folder)).sort()).toEqual(['db', 'keys', 'kubeconfig'])
  }
})

it('does not replace a damaged CA behind the operator', async () => {
  await (await open()).publish(SERVER, api.resources)
  await writeFile(join(folder, 'keys/ca.pem'), 'nonsense')
  await expect(open()).rejects.toThrow('ca.pem is damaged')
})

it('puts only names into a certificate that it can have', () => {
  const subjects = subjectsOf(['0.0.0.0', 'Under_score.example', 'bad name', 'x,DNS:evil.example', 'fe80::1%eth0'])
  expect(subjects).toContain('under_score.example')
  expect(subjects).toContain('fe80::1')
  for (const bad of ['0.0.0.0', 'bad name', 'x,dns:evil.example']) expect(subjects).not.toContain(bad)
})
