// A host and a scheduler, both real, over TLS on loopback: joins, is told no, goes on after a restart, renews, leaves.
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { toConfig } from '../../../../agent/config.ts'
import { Membership, type MembershipDeps, RENEW_MS } from '../../../../agent/membership/membership.ts'
import { type Clock, systemClock } from '../../../../lib/clock.ts'
import type { JoinTokenAnswer } from '../../../../schemas/cluster/membership.ts'
import { startTestScheduler, type TestScheduler } from '../../../support/scheduler.ts'

let scheduler: TestScheduler
let folder: string
let members: Membership[]
let logged: string[]
beforeAll(async () => {
  scheduler = await startTestScheduler()
})
afterAll(() => scheduler.stop())
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-member-'))
  members = []
  logged = []
})
afterEach(async () => {
  for (const member of members) await member.stop()
  await scheduler.client.transport.json({ method: 'DELETE', path: '/api/v1/nodes' })
  rmSync(folder, { recursive: true, force: true })
})

const log = new Proxy({} as MembershipDeps['log'], {
  get: () => (facts: object, message: string) => logged.push(`${message} ${JSON.stringify(facts)}`),
})

const open = async (more: Partial<MembershipDeps> & { readonly node?: string; readonly listen?: string[] } = {}) => {
  const config = toConfig({
    nodeName: more.node ?? 'h1',
    stateDir: join(folder, more.node ?? 'h1'),
    listen: more.listen ?? ['127.0.0.1:8750'],
    migration: { certDir: join(folder, 'pki') },
  })
  const deps = {
    config,
    version: '0.1.0',
    clock: systemClock,
    log,
    holds: () => null,
    onJoining: async () => undefined,
    onLeft: async () => undefined,
  }
  const membership = await Membership.open({ ...deps, ...more })
  members.push(membership)
  return membership
}

const token = async (of = scheduler): Promise<JoinTokenAnswer> =>
  (await of.client.transport.json({
    method: 'POST',
    path: '/apis/cluster.berth/v1/jointokens',
    body: { apiVersion: 'cluster.berth/v1', kind: 'JoinToken', ttlSeconds: 60 },
  })) as JoinTokenAnswer

const server = () => `https://127.0.0.1:${scheduler.port}`
const ask = async (more: object = {}) => {
  const { token: secret, caHash } = await token()
  return { server: server(), token: secret, caHash, ...more }
}

const whoami = async (membership: Membership): Promise<string> => {
  const answer = (await membership.scheduler?.transport.json({
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
  })) as { status: { userInfo: { username: string } } }
  return answer.status.userInfo.username
}

it('joins, tells who hears, and is the same member after a restart', async () => {
  const membership = await open()
  let heard = 0
  membership.onChange(() => heard++)
  expect(membership.identity).toBeNull()
  expect(await membership.join(await ask())).toEqual({
    node: 'h1',
    server: server(),
    message: `h1 has joined the cluster of ${server()}`,
  })
  expect(heard).toBe(1)
  expect(await whoami(membership)).toBe('system:node:h1')
  expect(membership.identity?.serverName).toBe('h1.node.cluster.berth')
  const again = await open()
  expect(again.member).toEqual(membership.member)
  expect(await whoami(again)).toBe('system:node:h1')
})

it('keeps its keys to itself, and gives QEMU other ones', async () => {
  const membership = await open()
  const asked = await ask()
  await membership.join(asked)
  const cluster = join(folder, 'h1/cluster')
  for (const name of readdirSync(cluster)) expect(statSync(join(cluster, name)).mode & 0o077).toBe(0)
  const pki = join(folder, 'pki')
  expect(readdirSync(pki).sort()).toEqual([
    'ca-cert.pem',
    'client-cert.pem',
    'client-key.pem',
    'dh-params.pem',
    'server-cert.pem',
    'server-key.pem',
  ])
  expect(statSync(join(pki, 'server-key.pem')).mode & 0o777).toBe(0o640)
  expect(readFileSync(join(pki, 'server-key.pem'), 'utf8')).not.toBe(membership.member?.own.key)
  expect(new X509Certificate(readFileSync(join(pki, 'client-cert.pem'))).subject).toContain('CN=system:qemu:h1')
  const told = logged.join('\n')
  expect(told).toContain('this host has joined a cluster')
  for (const secret of [asked.token, 'PRIVATE KEY']) expect(told).not.toContain(secret)
})

it('joins again as the same machine, not as another one’s scheduler’s', async () => {
  const membership = await open()
  await membership.join(await ask())
  const first = membership.member?.own.cert
  await membership.join(await ask())
  expect(membership.member?.own.cert).not.toBe(first)
  await expect(membership.join(await ask({ server: 'https://127.0.0.9:1' }))).rejects.toThrow(
    /this host is h1 of the cluster of https:.*: it leaves that one first/,
  )
})

it.each([
  [
    'another authority',
    async () => ask({ caHash: `sha256:${'0'.repeat(64)}` }),
    { message: expect.stringMatching(/shows another authority .* The token was not sent/) },
  ],
  [
    'nobody there',
    async () => ask({ server: 'https://127.0.0.1:1' }),
    { message: expect.stringContaining('the scheduler at https://127.0.0.1:1 cannot be reached') },
  ],
  [
    'a wrong token',
    async () => ask({ token: 'wrong' }),
    {
      reason: 'Forbidden',
      message: expect.stringMatching(/the token is not valid.*berth node token create makes another/),
    },
  ],
])('is not a member after %s', async (_title, asking, error) => {
  const membership = await open()
  await expect(membership.join(await asking())).rejects.toMatchObject(error)
  expect(membership.member).toBeNull()
  expect((await open()).member).toBeNull()
})

it('has the scheduler’s words for a second name of its machine, and for a wrong clock (simulated)', async () => {
  await (await open()).join(await ask())
  const other = await open({ node: 'h2' })
  await expect(other.join(await ask())).rejects.toThrow(/has joined as h1 already: berth node leave/)
  const fast: Clock = { ...systemClock, now: () => Date.now() + 3_600_000 }
  const late = await open({ clock: fast })
  await expect(late.join(await ask())).rejects.toThrow(/the host's clock is 3600 s ahead of the scheduler's/)
})

it('says where to listen when others cannot reach it', async () => {
  const membership = await open({ listen: [] })
  await expect(membership.join(await ask())).rejects.toThrow(
    /listens on no address only, where other hosts cannot reach it: add/,
  )
})

it('renews its certificate in time, and only then', async () => {
  let now = Date.now()
  const membership = await open({ clock: { ...systemClock, now: () => now } })
  await membership.join(await ask())
  const cert = membership.member?.own.cert ?? ''
  expect(await membership.look()).toBe(false)
  now = Date.parse(new X509Certificate(cert).validTo) - RENEW_MS + 1_000
  expect(await membership.look()).toBe(true)
  expect(membership.member?.own.cert).not.toBe(cert)
  expect(await whoami(membership)).toBe('system:node:h1')
  expect((await open()).member?.own.cert).toBe(membership.member?.own.cert)
})

it('hears from the scheduler that it is no member any more', async () => {
  let now = Date.now()
  const membership = await open({ clock: { ...systemClock, now: () => now } })
  await membership.join(await ask())
  await scheduler.client.transport.json({ method: 'DELETE', path: '/api/v1/nodes/h1' })
  now += 89 * 86_400_000
  await expect(membership.look()).rejects.toThrow(/h1 is no member of this cluster any more: join again/)
})

it('leaves, and not while it has what is the scheduler’s', async () => {
  let holds: string | null = 'this host has what belongs to the scheduler'
  let left = 0
  const joined: string[] = []
  const membership = await open({
    holds: () => holds,
    onJoining: async (cluster) => {
      expect(membership.member).toBeNull()
      joined.push(cluster)
    },
    onLeft: async () => {
      left++
    },
  })
  await expect(membership.leave({})).rejects.toThrow('this host is no member of a cluster')
  const asked = await ask()
  await membership.join(asked)
  expect(joined).toEqual([asked.caHash])
  await expect(membership.leave({})).rejects.toThrow('this host has what belongs to the scheduler')
  holds = null
  expect((await membership.leave({})).message).toBe(`h1 has left the cluster of ${server()}`)
  expect([left, membership.member, existsSync(join(folder, 'h1/cluster/node.pem'))]).toEqual([1, null, false])
  expect((await open()).member).toBeNull()
})

it('leaves by force without the scheduler, and says what is left to do', async () => {
  const other = await startTestScheduler()
  try {
    const { token: secret, caHash } = await token(other)
    const membership = await open()
    await membership.join({ server: `https://127.0.0.1:${other.port}`, token: secret, caHash })
    await other.running.stop()
    await expect(membership.leave({})).rejects.toThrow(/no connection to/)
    expect(membership.member).not.toBeNull()
    const { message } = await membership.leave({ force: true })
    expect(message).toMatch(
      /h1 has left .*; the scheduler was not told \(no connection to .*\): delete the Node h1 there/,
    )
  } finally {
    rmSync(other.folder, { recursive: true, force: true })
  }
})

it('does not begin with a damaged record', async () => {
  const membership = await open()
  await membership.join(await ask())
  writeFileSync(join(folder, 'h1/cluster/node.pem'), 'x')
  await expect(open()).rejects.toThrow(/what this host knows of its cluster is damaged: restore/)
})
