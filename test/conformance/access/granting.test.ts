// Nobody gives what they have not got; what is taken away ends at once, open watches and streams too; too much is too much.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hashOfToken, newToken } from '../../../lib/apiserver/auth/tokens.ts'
import type { Exchange, Outcome } from '../../../lib/apiserver/index.ts'
import { adminToken, bindRole, issueToken, TlsClient } from '../../support/access.ts'
import { startApiServer, type TestApiServer } from '../../support/api-server.ts'
import { streamPaths, streams } from './paths.ts'

const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const TOKENS = '/apis/access.berth/v1/accesstokens'
const DISKS = '/apis/virtualization.deckhouse.io/v1alpha2/namespaces/default/virtualdisks'
const [CONSOLE = ''] = streamPaths

let server: TestApiServer
let root: TlsClient
const seen: (Outcome & Exchange)[] = []
const clients: TlsClient[] = []

beforeAll(async () => {
  server = await startApiServer({
    connect: streams,
    observe: (exchange, outcome) => void seen.push({ ...exchange, ...outcome }),
  })
  root = as(await adminToken(server))
})
afterAll(async () => {
  for (const client of clients) await client.close()
  await server.stop()
})

function as(token: string): TlsClient {
  const client = new TlsClient(server, { token })
  clients.push(client)
  return client
}

const role = (name: string, verbs: string[], resources: string[]) => ({
  metadata: { name },
  rules: [{ apiGroups: ['virtualization.deckhouse.io'], resources, verbs }],
})
const binding = (name: string, kind: string, ref: string) => ({
  metadata: { name },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: ref },
  subjects: [{ kind: 'User', name: 'mallory' }],
})
const inside = (plural: string) => `${RBAC}/namespaces/default/${plural}`

it('an admin of a namespace grants what they hold there, and nothing else', async () => {
  const { resources } = server.server
  await bindRole(resources, 'd8:use:role:admin', 'ada', 'default')
  const ada = as(await issueToken(resources, 'ada'))
  const expectCode = async (code: number, ask: Promise<{ code: number; text: string }>, words = '') => {
    const answer = await ask
    expect([answer.code, answer.text]).toEqual([code, expect.stringContaining(words)])
  }
  await expectCode(201, ada.ask('POST', inside('roles'), role('readers', ['get'], ['virtualdisks'])))
  const grant = 'attempting to grant RBAC permissions not currently held'
  await expectCode(403, ada.ask('POST', inside('roles'), role('all', ['*'], ['*'])), grant)
  await expectCode(403, ada.ask('POST', inside('roles'), role('more', ['get'], ['virtualdisks/status'])), grant)
  // Neither by a change, of any form, nor by an apply that creates.
  const rules = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }]
  const merge = { 'content-type': 'application/merge-patch+json' }
  await expectCode(403, ada.ask('PATCH', `${inside('roles')}/readers`, { rules }, merge), grant)
  await expectCode(403, ada.ask('PUT', `${inside('roles')}/readers`, { metadata: { name: 'readers' }, rules }), grant)
  const applied = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'applied' }, rules }
  const apply = { 'content-type': 'application/apply-patch+yaml' }
  await expectCode(403, ada.ask('PATCH', `${inside('roles')}/applied?fieldManager=t`, applied, apply), grant)
  // A label is no grant.
  await expectCode(200, ada.ask('PATCH', `${inside('roles')}/readers`, { metadata: { labels: { a: 'b' } } }, merge))
  await expectCode(201, ada.ask('POST', inside('rolebindings'), binding('b1', 'Role', 'readers')))
  await expectCode(201, ada.ask('POST', inside('rolebindings'), binding('b2', 'ClusterRole', 'd8:use:role:admin')))
  await expectCode(403, ada.ask('POST', inside('rolebindings'), binding('b3', 'ClusterRole', 'cluster-admin')), grant)
  await expectCode(404, ada.ask('POST', inside('rolebindings'), binding('b4', 'ClusterRole', 'absent')), 'not found')
  await expectCode(403, ada.ask('POST', `${RBAC}/clusterrolebindings`, binding('b5', 'ClusterRole', 'cluster-admin')))
  const other = inside('rolebindings').replace('default', 'other')
  await expectCode(403, ada.ask('POST', other, binding('b6', 'ClusterRole', 'd8:use:role:viewer')))
})

it('escalate and bind allow it by name, as in Kubernetes', async () => {
  const { resources } = server.server
  await root.ask('POST', `${RBAC}/clusterroles`, {
    metadata: { name: 'binder' },
    rules: [
      {
        apiGroups: ['rbac.authorization.k8s.io'],
        resources: ['clusterroles'],
        resourceNames: ['d8:use:role:viewer'],
        verbs: ['bind'],
      },
      { apiGroups: ['rbac.authorization.k8s.io'], resources: ['rolebindings'], verbs: ['create'] },
      { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles'], verbs: ['create', 'escalate'] },
    ],
  })
  await bindRole(resources, 'binder', 'ben', 'default')
  const ben = as(await issueToken(resources, 'ben'))
  const code = async (plural: string, body: object) => (await ben.ask('POST', inside(plural), body)).code
  expect(await code('rolebindings', binding('c1', 'ClusterRole', 'd8:use:role:viewer'))).toBe(201)
  expect(await code('rolebindings', binding('c2', 'ClusterRole', 'd8:use:role:admin'))).toBe(403)
  expect(await code('roles', role('anything', ['*'], ['*']))).toBe(201)
})

it('a token is made only for users and groups that its maker may speak for', async () => {
  const { resources } = server.server
  await root.ask('POST', `${RBAC}/clusterroles`, {
    metadata: { name: 'issuer' },
    rules: [
      { apiGroups: ['access.berth'], resources: ['accesstokens'], verbs: ['create', 'update'] },
      { apiGroups: [''], resources: ['users'], resourceNames: ['robot'], verbs: ['impersonate'] },
      { apiGroups: [''], resources: ['groups'], resourceNames: ['robots'], verbs: ['impersonate'] },
    ],
  })
  await bindRole(resources, 'issuer', 'ivy')
  const ivy = as(await issueToken(resources, 'ivy'))
  const make = async (name: string, spec: object) =>
    await ivy.ask('POST', TOKENS, { metadata: { name }, spec: { sha256: hashOfToken(newToken()), ...spec } })
  expect((await make('t1', { user: 'robot' })).code).toBe(201)
  expect((await make('t2', { user: 'robot', groups: ['robots'] })).code).toBe(201)
  expect((await make('t3', { user: 'robot', groups: ['system:masters'] })).code).toBe(403)
  expect((await make('t4', { user: 'admin' })).text).toContain('cannot impersonate resource \\"users\\"')
  // Nor by the change of one that is there, nor by taking the place of another's token.
  const changed = { metadata: { name: 't1' }, spec: { user: 'admin', sha256: hashOfToken('x') } }
  expect((await ivy.ask('PUT', `${TOKENS}/t1`, changed)).code).toBe(422)
  const mine = hashOfToken(await adminToken(server))
  expect((await make('t5', { user: 'robot', sha256: mine })).text).toContain('another token has this hash')
})

it('a revoked token ends everything that it opened', async () => {
  const { resources } = server.server
  const client = as(await issueToken(resources, 'leo', { groups: ['system:masters'] }))
  const watch = await client.watch(`${DISKS}?watch=true`)
  const stream = await client.connect(CONSOLE)
  expect([watch.code, stream.code]).toEqual([200, 101])
  const closed = new Promise<[number, string]>((resolve) =>
    stream.socket.once('close', (code, reason) => resolve([code, reason.toString()])),
  )
  expect((await root.ask('DELETE', `${TOKENS}/leo`)).code).toBe(200)
  expect((await client.ask('GET', DISKS)).code).toBe(401)
  await watch.ended
  expect(await closed).toEqual([1008, 'the token was revoked'])
})

it('a token that expires ends what it opened', async () => {
  const soon = new Date(Date.now() + 10_000).toISOString()
  const client = as(await issueToken(server.server.resources, 'max', { groups: ['system:masters'], expires: soon }))
  const watch = await client.watch(`${DISKS}?watch=true`)
  expect(watch.code).toBe(200)
  await watch.ended
  expect((await client.ask('GET', DISKS)).text).toContain('expired')
})

it('a binding that goes takes open watches and streams with it, and nobody else’s', async () => {
  const { resources } = server.server
  await bindRole(resources, 'd8:use:role:user', 'kim', 'default')
  const kim = as(await issueToken(resources, 'kim'))
  const watch = await kim.watch(`${DISKS}?watch=true`)
  const stream = await kim.connect(CONSOLE)
  const other = await root.connect(CONSOLE)
  expect([watch.code, stream.code, other.code]).toEqual([200, 101, 101])
  const reason = new Promise<string>((resolve) =>
    stream.socket.once('close', (_code, text) => resolve(text.toString())),
  )
  await root.ask('DELETE', `${inside('rolebindings')}/kim:d8:use:role:user`)
  await watch.ended
  expect(await reason).toContain('User "kim" cannot get resource')
  expect(other.socket.readyState).toBe(other.socket.OPEN)
  other.socket.terminate()
})

it('an apply that creates needs the right to create', async () => {
  const { resources } = server.server
  await root.ask('POST', `${RBAC}/clusterroles`, role('patcher', ['get', 'patch'], ['virtualdisks']))
  await bindRole(resources, 'patcher', 'pat', 'default')
  const pat = as(await issueToken(resources, 'pat'))
  const disk = {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualDisk',
    metadata: { name: 'd' },
    spec: { persistentVolumeClaim: { size: '1Gi' } },
  }
  const apply = async () =>
    await pat.ask('PATCH', `${DISKS}/d?fieldManager=t`, disk, { 'content-type': 'application/apply-patch+yaml' })
  const refused = await apply()
  expect([refused.code, refused.text]).toEqual([403, expect.stringContaining('cannot create resource')])
  expect((await root.ask('POST', DISKS, disk)).code).toBe(201)
  expect((await apply()).code).toBe(200)
})

it('nobody acts as somebody else by a header', async () => {
  for (const headers of [{ 'impersonate-user': 'vera' }, { 'Impersonate-Group': 'system:masters' }]) {
    const answer = await root.ask('GET', DISKS, undefined, headers as Record<string, string>)
    expect([answer.code, answer.text]).toEqual([403, expect.stringContaining('impersonation')])
  }
})

it('tells the observer of everything: who, what, how it ended', async () => {
  const { resources } = server.server
  const viewer = as(await issueToken(resources, 'vera'))
  seen.length = 0
  await viewer.ask('GET', '/api/v1/namespaces/default/secrets/s')
  await as('wrong').ask('GET', DISKS)
  const stream = await root.connect(CONSOLE)
  stream.socket.close()
  const facts = () =>
    seen.map(({ caller, attributes, stage, code }) => [
      caller?.user ?? null,
      attributes?.verb ?? null,
      attributes?.resource?.resource ?? null,
      stage,
      code,
    ])
  await expect.poll(facts, { timeout: 10_000 }).toHaveLength(4)
  expect(facts()).toEqual(
    expect.arrayContaining([
      ['vera', 'get', 'secrets', 'ended', 403],
      [null, null, null, 'ended', 401],
      ['admin', 'get', 'virtualmachines', 'started', 101],
      ['admin', 'get', 'virtualmachines', 'ended', 101],
    ]),
  )
  for (const { client, url, durationMs } of seen) {
    expect([client, url]).toEqual(['127.0.0.1', expect.stringMatching(/^\/ap/)])
    expect(durationMs).toBeGreaterThanOrEqual(0)
  }
})

it('a user who asks too often, and an address that guesses, hear so; others are not touched', async () => {
  const limited = await startApiServer({
    limits: { requests: { burst: 20, refillMs: 60_000 }, wrongCredentials: { burst: 3, refillMs: 60_000 } },
  })
  try {
    const { resources } = limited.server
    const greedy = new TlsClient(limited, { token: await issueToken(resources, 'greedy') })
    const guesser = new TlsClient(limited, { token: 'guess' })
    const calm = new TlsClient(limited, { token: await issueToken(resources, 'calm') })
    const codes = async (client: TlsClient, count: number) => {
      const found: number[] = []
      for (let i = 0; i < count; i++) found.push((await client.ask('GET', '/version')).code)
      return found
    }
    expect((await codes(greedy, 21)).slice(-2)).toEqual([200, 429])
    const { headers, text } = await greedy.ask('GET', '/version')
    expect([Number(headers['retry-after']) > 0, JSON.parse(text).reason]).toEqual([true, 'TooManyRequests'])
    expect(await codes(guesser, 5)).toEqual([401, 401, 401, 429, 429])
    // The same address, the right token.
    expect(await codes(calm, 3)).toEqual([200, 200, 200])
    for (const client of [greedy, guesser, calm]) await client.close()
  } finally {
    await limited.stop()
  }
})
