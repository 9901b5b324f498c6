// Joining as a host does it, over TLS with a token: what is granted, and every refusal in words.
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { certificateIn } from '../../../../lib/apiserver/auth/certificates.ts'
import { makeRequest } from '../../../../lib/apiserver/auth/openssl.ts'
import { Client } from '../../../../lib/client/client.ts'
import { SCHEDULER_SERVER_NAME } from '../../../../lib/cluster/identity.ts'
import { clusterTarget } from '../../../../lib/cluster/target.ts'
import type { KubeObject } from '../../../../lib/object.ts'
import type { JoinTokenAnswer } from '../../../../schemas/cluster/membership.ts'
import { startTestScheduler, type TestScheduler } from '../../../support/scheduler.ts'

let scheduler: TestScheduler
let folder: string
let csr: string
let ca: string
const clients: Client[] = []
beforeAll(async () => {
  scheduler = await startTestScheduler()
  folder = mkdtempSync(join(tmpdir(), 'berth-join-'))
  csr = (await makeRequest(folder)).csr
  ca = certificateIn(readFileSync(join(scheduler.config.stateDir, 'cluster/ca.pem'), 'utf8'))
})
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()))
  await scheduler.stop()
  rmSync(folder, { recursive: true, force: true })
})

const PATH = '/apis/cluster.berth/v1'

const ask = <T>(client: Client, kind: string, body: object): Promise<T> =>
  client.transport.json({
    method: 'POST',
    path: `${PATH}/${kind.toLowerCase()}s`,
    body: { apiVersion: 'cluster.berth/v1', kind, ...body },
  }) as Promise<T>

const newToken = async (): Promise<string> =>
  (await ask<JoinTokenAnswer>(scheduler.client, 'JoinToken', { ttlSeconds: 60 })).token

/** As a host that does not know the authority yet would be after it compared the hash. */
const by = (token: string): Client => {
  const url = `https://127.0.0.1:${scheduler.port}`
  const tls = { ca, servername: SCHEDULER_SERVER_NAME }
  const client = new Client({ label: url, origin: url, prefix: '', namespace: 'default', tls, token }, 'test')
  clients.push(client)
  return client
}

const host = (node: string, more: object = {}) => ({
  node,
  url: 'https://127.0.0.1:8750',
  addresses: ['127.0.0.1'],
  machine: `machine-of-${node}`,
  version: '0.1.0',
  time: new Date().toISOString(),
  csr,
  qemuCsr: csr,
  ...more,
})

interface Answer {
  readonly certificate: string
  readonly qemuCertificate: string
  readonly ca: string
}

const nodes = async (): Promise<readonly KubeObject[]> =>
  ((await scheduler.client.transport.json({ path: '/api/v1/nodes' })) as { items: KubeObject[] }).items

it('makes a host of whoever has a token: certificates, and a Node', async () => {
  const answer = await ask<Answer>(by(await newToken()), 'Join', host('h1'))
  const certificate = new X509Certificate(answer.certificate)
  expect(certificate.subject).toContain('CN=system:node:h1')
  expect(certificate.verify(new X509Certificate(answer.ca).publicKey)).toBe(true)
  expect(new X509Certificate(answer.qemuCertificate).subject).toContain('CN=system:qemu:h1')
  const [node] = await nodes()
  expect(node?.metadata).toMatchObject({
    name: 'h1',
    annotations: {
      'berth/agent-url': 'https://127.0.0.1:8750',
      'berth/machine': 'machine-of-h1',
      'berth/certificate': certificate.serialNumber,
    },
  })
})

it('gives a new host the role of one that runs machines', async () => {
  const [node] = await nodes()
  expect(node?.metadata.labels).toMatchObject({ 'kubernetes.io/hostname': 'h1', 'node-role.kubernetes.io/worker': '' })
})

it('takes the same machine again, at another address', async () => {
  await ask(by(await newToken()), 'Join', host('h1', { url: 'https://127.0.0.2:8750' }))
  expect((await nodes()).map(({ metadata }) => metadata.annotations?.['berth/agent-url'])).toEqual([
    'https://127.0.0.2:8750',
  ])
})

it('takes a token once, also of two hosts at the same moment', async () => {
  const token = await newToken()
  const answers = await Promise.allSettled([1, 2].map((n) => ask(by(token), 'Join', host(`twice-${n}`))))
  expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  await expect(ask(by(token), 'Join', host('third'))).rejects.toThrow(
    /the join token join-\w+ was used by twice-\d at .*: it is good for one host/,
  )
  expect((await nodes()).filter(({ metadata }) => metadata.name.startsWith('twice'))).toHaveLength(1)
})

const later = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString()
it.each([
  [
    'another machine’s name',
    () => host('h1', { machine: 'other' }),
    /the name h1 belongs to another machine \(machine id machine-of-h1/,
  ],
  [
    'a machine that has another name already',
    () => host('h9', { machine: 'machine-of-h1' }),
    /this machine .* has joined as h1 already/,
  ],
  [
    'a clock that is ahead',
    () => host('h2', { time: later(400) }),
    /clock is (399|400|401) s ahead of the scheduler's, 300 s are allowed/,
  ],
  ['a clock that is behind', () => host('h2', { time: later(-3_600) }), /clock is 360\d s behind/],
  ['no time at all', () => host('h2', { time: 'soon' }), /time/],
  ['an old version', () => host('h2', { version: '0.0.9' }), null],
  ['a version that is too new', () => host('h2', { version: '0.3.0' }), /agent's version 0\.3\.0 is too new/],
  [
    'a version of another major number',
    () => host('h2', { version: '1.1.0' }),
    /is too new for a scheduler of version 0\.1\.0/,
  ],
  ['no version', () => host('h2', { version: 'new' }), /"new" is no version/],
  ['a name that cannot be', () => host('H_2'), /cannot be a Node|node/],
  ['a name too long for a certificate', () => host(`h${'x'.repeat(60)}`), /too long for a certificate: at most 52/],
  ['an address that is none', () => host('h2', { addresses: ['10.0.0.1, DNS:evil'] }), /is no address/],
  ['a request that is none', () => host('h2', { csr: 'x' }), /the request for a certificate cannot be used/],
])('judges %s', async (_title, body, words) => {
  const token = await newToken()
  const asked = ask(by(token), 'Join', body())
  if (words === null) await asked
  else {
    await expect(asked).rejects.toThrow(words)
    // A refusal costs no token.
    await ask(by(token), 'Join', host('h-good', { machine: 'good' }))
  }
})

it('does not take an expired token, a wrong one, or none', async () => {
  const body = { apiVersion: 'access.berth/v1', kind: 'AccessToken', metadata: { name: 'old' } }
  const spec = {
    user: 'system:bootstrap',
    groups: ['system:bootstrappers'],
    sha256: createHash('sha256').update('old-token').digest('hex'),
    expirationTimestamp: '2020-01-01T00:00:00Z',
  }
  await scheduler.client.transport.json({
    method: 'POST',
    path: '/apis/access.berth/v1/accesstokens',
    body: { ...body, spec },
  })
  await expect(ask(by('old-token'), 'Join', host('h3'))).rejects.toThrow(/the token "old" expired at 2020-01-01/)
  await expect(ask(by('wrong'), 'Join', host('h3'))).rejects.toThrow(/it is wrong or was revoked/)
})

it('lets a token do nothing but join', async () => {
  const client = by(await newToken())
  await expect(client.transport.json({ path: '/api/v1/nodes' })).rejects.toThrow(/cannot list/)
  await expect(ask(client, 'JoinToken', { ttlSeconds: 60 })).rejects.toThrow(/cannot create/)
})

it('renews and lets go for the host itself only', async () => {
  const { key, csr: own } = await makeRequest(folder)
  const { certificate } = await ask<Answer>(by(await newToken()), 'Join', host('h4', { csr: own }))
  const client = new Client(
    clusterTarget(`https://127.0.0.1:${scheduler.port}`, SCHEDULER_SERVER_NAME, { key, cert: certificate, ca }),
    'test',
  )
  clients.push(client)
  const { machine: _machine, time: _time, ...renewal } = host('h4')
  const again = await ask<Answer>(client, 'CertificateRenewal', renewal)
  expect(new X509Certificate(again.certificate).serialNumber).not.toBe(new X509Certificate(certificate).serialNumber)
  await expect(ask(client, 'CertificateRenewal', { ...renewal, node: 'h1' })).rejects.toThrow(/h4 cannot speak for h1/)
  await expect(ask(client, 'Departure', { node: 'h1' })).rejects.toThrow(/h4 cannot speak for h1/)
  await expect(ask(client, 'Join', host('h5'))).rejects.toThrow(/cannot create/)
  await ask(client, 'Departure', { node: 'h4' })
  expect((await nodes()).map(({ metadata }) => metadata.name)).not.toContain('h4')
  await expect(ask(client, 'CertificateRenewal', renewal)).rejects.toThrow(/h4 is no member of this cluster any more/)
})
