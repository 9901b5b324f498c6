// Hosts of a real cluster: joined with tokens, each known by its own certificate, told no in words, here again after kills.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Node } from '../../schemas/index.ts'
import { type Cluster, keepClusterEvidence, sharedCluster } from '../support/cluster.ts'
import { waitFor } from '../support/wait.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await sharedCluster()
})
beforeEach((context) => keepClusterEvidence(context, cluster))
afterAll(() => cluster.close())

const nodes = (): Promise<readonly Node[]> => cluster.scheduler.list('nodes')

const allReady = () =>
  waitFor('all hosts Ready', 60, async () =>
    (await nodes()).every(({ status }) =>
      status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    ),
  )

it('has every host Ready at the scheduler', async () => {
  expect((await nodes()).map(({ metadata }) => metadata.name)).toEqual(['h1', 'h2', 'h3'])
  await allReady()
})

it('refuses a token that was used, and another host’s name', async () => {
  const command = await cluster.berth('node', 'token', 'create')
  const [server = '', , token = '', , hash = ''] = command.split(' ').slice(3)
  const { host } = cluster
  const join = { apiVersion: 'cluster.berth/v1', kind: 'JoinRequest', server, token, caHash: hash }
  const ask = () =>
    host.client.transport.json({ method: 'POST', path: '/apis/cluster.berth/v1/joinrequests', body: join })
  // The same machine under the same name joins again, without a restart.
  expect(await ask()).toMatchObject({ node: 'h1' })
  await expect(ask()).rejects.toThrow(/was used by h1 at .*: it is good for one host/)
  await allReady()
})

it('knows its hosts again after the scheduler was killed', async () => {
  await cluster.scheduler.restart()
  await allReady()
})

it('knows a host again after its agent was killed', async () => {
  await cluster.host.restartAgent()
  await allReady()
})
