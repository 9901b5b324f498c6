// The second door of a TLS listener: who asks for the cluster's name gets its certificate and is believed by its authority alone.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeClientCertificate, makeRequest } from '../../../../../lib/apiserver/auth/openssl.ts'
import { Client } from '../../../../../lib/client/client.ts'
import { systemClock } from '../../../../../lib/clock.ts'
import { nodeServerName, SCHEDULER_SERVER_NAME } from '../../../../../lib/cluster/identity.ts'
import { type ClusterCredentials, clusterTarget } from '../../../../../lib/cluster/target.ts'
import { ClusterAuthority } from '../../../../../scheduler/membership/authority.ts'
import { startTestScheduler, type TestScheduler } from '../../../../support/scheduler.ts'

let scheduler: TestScheduler
let authority: ClusterAuthority
let folder: string
const clients: Client[] = []
beforeAll(async () => {
  scheduler = await startTestScheduler()
  authority = await ClusterAuthority.open(scheduler.config.stateDir, systemClock)
  folder = mkdtempSync(join(tmpdir(), 'berth-door-'))
})
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()))
  await scheduler.stop()
  rmSync(folder, { recursive: true, force: true })
})

const url = () => `https://127.0.0.1:${scheduler.port}`

const clientOf = (credentials: ClusterCredentials, serverName = SCHEDULER_SERVER_NAME): Client => {
  const client = new Client(clusterTarget(url(), serverName, credentials), 'test')
  clients.push(client)
  return client
}

const whoami = async (client: Client) => {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  const answer = (await client.transport.json({ method: 'POST', path, body })) as {
    status: { userInfo: { username: string; groups: string[] } }
  }
  return answer.status.userInfo
}

const nodeCredentials = async (node: string): Promise<ClusterCredentials> => {
  const { key, csr } = await makeRequest(folder)
  return { key, cert: await authority.signNode(csr, { node, addresses: ['127.0.0.1'] }), ca: authority.ca }
}

it('knows the scheduler and hosts by their certificates', async () => {
  expect((await whoami(clientOf(authority.credentials))).username).toBe('system:scheduler')
  expect(await whoami(clientOf(await nodeCredentials('h1')))).toMatchObject({
    username: 'system:node:h1',
    groups: ['system:nodes', 'system:authenticated'],
  })
})

it('lets a host do what hosts may, and no more', async () => {
  const client = clientOf(await nodeCredentials('h1'))
  await expect(client.transport.json({ path: '/api/v1/secrets' })).rejects.toThrow(/system:node:h1.*cannot list/)
})

it('does not pass for another server', async () => {
  const stranger = clientOf(await nodeCredentials('h1'), nodeServerName('h2'))
  await expect(whoami(stranger)).rejects.toThrow(/127\.0\.0\.1/)
})

it('does not believe another authority', async () => {
  const ca = readFileSync(join(scheduler.config.stateDir, 'keys/ca.pem'), 'utf8')
  const pem = await makeClientCertificate(folder, ca, {
    user: 'system:scheduler',
    groups: ['system:schedulers'],
    days: 1,
  })
  const mine = { key: pem, cert: pem.slice(pem.indexOf('-----BEGIN CERTIFICATE')), ca: authority.ca }
  await expect(whoami(clientOf(mine))).rejects.toThrow(
    /the client certificate is refused: no authority that this server trusts/,
  )
  // At the door for people the same authority is good, and such a name is not.
  const own = readFileSync(join(scheduler.config.stateDir, 'keys/ca.crt'), 'utf8')
  await expect(whoami(clientOf({ ...mine, ca: own }, 'localhost'))).rejects.toThrow(/names a host or a scheduler/)
})

it('does not know the cluster’s certificates at the door for people', async () => {
  const own = readFileSync(join(scheduler.config.stateDir, 'keys/ca.crt'), 'utf8')
  const client = clientOf({ ...(await nodeCredentials('h1')), ca: own }, 'localhost')
  await expect(whoami(client)).rejects.toThrow(/the client certificate is refused/)
})

it('does not take QEMU’s certificate', async () => {
  const { key, csr } = await makeRequest(folder)
  const cert = await authority.signQemu(csr, { node: 'h1', addresses: [] })
  await expect(whoami(clientOf({ key, cert, ca: authority.ca }))).rejects.toThrow(
    /names neither a host nor a scheduler/,
  )
})
