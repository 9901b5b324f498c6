// What clients learn about the server before their first object.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ApiError } from '../../../../lib/errors.ts'
import { startServer, type TestServer } from './server.ts'

let api: TestServer
let broken = false
beforeAll(async () => {
  api = await startServer({
    readiness: [
      {
        name: 'libvirt',
        check: async () => {
          if (broken) throw new Error('secret details')
        },
      },
    ],
    connect: [
      {
        group: 'subresources.test.berth',
        version: 'v1',
        plural: 'widgets',
        name: 'console',
        kind: 'WidgetConsole',
        protocols: ['plain.test'],
        check: async ({ name }) => {
          if (name !== 'there') throw new ApiError('NotFound', 'no such widget')
        },
        probe: async () => ({ holder: 'me' }),
        connect: async () => {},
      },
    ],
  })
})
afterAll(() => api.stop())

it('lists versions, groups and resources', async () => {
  expect((await api.call('GET', '/api')).body.versions).toEqual(['v1'])
  const { groups } = (await api.call('GET', '/apis')).body
  expect(groups.map((group: { name: string }) => group.name)).toEqual([
    'test.berth',
    'authorization.k8s.io',
    'authentication.k8s.io',
    'subresources.test.berth',
  ])
  expect(groups[0].preferredVersion).toEqual({ groupVersion: 'test.berth/v1', version: 'v1' })
  expect((await api.call('GET', '/apis/test.berth')).body.versions).toHaveLength(2)
  const { resources } = (await api.call('GET', '/apis/test.berth/v1')).body
  expect(resources).toEqual([
    expect.objectContaining({
      name: 'widgets',
      kind: 'Widget',
      namespaced: true,
      shortNames: ['wi'],
      categories: ['all'],
    }),
    expect.objectContaining({ name: 'widgets/status', verbs: ['get', 'patch', 'update'] }),
  ])
  expect((await api.call('GET', '/api/v1')).body.resources.map((one: { name: string }) => one.name)).toEqual([
    'notes',
    'namespaces',
    'namespaces/status',
    'pods',
  ])
  const streams = (await api.call('GET', '/apis/subresources.test.berth/v1')).body.resources
  expect(streams).toEqual([expect.objectContaining({ name: 'widgets/console', kind: 'WidgetConsole', verbs: ['get'] })])
})

it('knows pods only to say what does their job', async () => {
  const { resources } = (await api.call('GET', '/api/v1')).body
  expect(resources.find((one: { name: string }) => one.name === 'pods')).toMatchObject({ kind: 'Pod', verbs: [] })
  const one = await api.call('GET', '/api/v1/namespaces/default/pods/web')
  expect([one.code, one.body.reason, one.body.details.name]).toEqual([404, 'NotFound', 'web'])
  expect(one.body.message).toContain('berth console web')
  const ofNode = await api.call('GET', '/api/v1/pods?fieldSelector=spec.nodeName%3Dhost')
  expect(ofNode.body.message).toContain('berth stop')
  const running = '/api/v1/pods?fieldSelector=spec.nodeName%3Dhost,status.phase!%3DFailed'
  expect((await api.call('GET', running)).body).toMatchObject({ kind: 'PodList', items: [] })
  expect((await api.call('POST', '/api/v1/namespaces/default/pods', {})).body.message).toContain('kubectl get vm')
})

it('says why nothing is scaled', async () => {
  const { code, body } = await api.call('GET', '/apis/test.berth/v1/namespaces/default/widgets/w/scale')
  expect([code, body.message]).toEqual([404, expect.stringContaining('cannot be scaled')])
})

it.each(['v2', 'v2beta1'])('aggregates discovery as %s', async (version) => {
  const accept = `application/json;v=${version};g=apidiscovery.k8s.io;as=APIGroupDiscoveryList,application/json`
  const reply = await api.call('GET', '/apis', undefined, { accept })
  expect(reply.headers['content-type']).toContain('as=APIGroupDiscoveryList')
  expect([reply.body.kind, reply.body.apiVersion]).toEqual(['APIGroupDiscoveryList', `apidiscovery.k8s.io/${version}`])
  const [widgets] = reply.body.items[0].versions[0].resources
  expect(widgets).toMatchObject({ resource: 'widgets', scope: 'Namespaced', subresources: [{ subresource: 'status' }] })
  const core = await api.call('GET', '/api', undefined, { accept })
  expect(core.body.items[0].versions[0].resources.map((one: { resource: string }) => one.resource)).toEqual([
    'notes',
    'namespaces',
    'pods',
  ])
})

it('describes the schemas', async () => {
  const { paths } = (await api.call('GET', '/openapi/v3')).body
  expect(Object.keys(paths)).toEqual([
    'api/v1',
    'apis/test.berth/v1',
    'apis/test.berth/v1beta1',
    'apis/authorization.k8s.io/v1',
    'apis/authentication.k8s.io/v1',
    'apis/authentication.k8s.io/v1beta1',
  ])
  const document = (await api.call('GET', paths['apis/test.berth/v1'].serverRelativeURL)).body
  const item = document.paths['/apis/test.berth/v1/namespaces/{namespace}/widgets/{name}']
  expect(item.patch).toMatchObject({
    'x-kubernetes-action': 'patch',
    'x-kubernetes-group-version-kind': { group: 'test.berth', kind: 'Widget', version: 'v1' },
  })
  expect(item.patch.parameters.map((one: { name: string }) => one.name)).toEqual([
    'dryRun',
    'fieldManager',
    'fieldValidation',
    'force',
  ])
  const widget = document.components.schemas['berth.test.v1.Widget']
  expect(widget['x-kubernetes-group-version-kind']).toEqual([{ group: 'test.berth', kind: 'Widget', version: 'v1' }])
  expect(widget.properties.spec.properties.size).toMatchObject({ type: 'integer', minimum: 1 })
  const old = await api.call('GET', '/openapi/v2')
  expect([old.code, old.text, old.headers['content-type']]).toEqual([
    200,
    '',
    'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
  ])
})

it('says its version and its health', async () => {
  expect((await api.call('GET', '/version')).body.gitVersion).toContain('0.1.0')
  for (const path of ['/healthz', '/livez', '/readyz']) expect((await api.call('GET', path)).text).toBe('ok')
  broken = true
  const reply = await api.call('GET', '/readyz')
  expect([reply.code, reply.text]).toEqual([503, expect.stringContaining('[-]libvirt failed')])
  expect(reply.text).not.toContain('secret')
  expect((await api.call('GET', '/livez')).code).toBe(200)
  const get = async (path: string) => {
    const { code, text } = await api.call('GET', path)
    return [code, text]
  }
  expect(await get('/readyz?verbose')).toEqual([
    503,
    '[+]ping ok\n[-]libvirt failed: reason withheld\nreadyz check failed\n',
  ])
  expect(await get('/readyz?exclude=libvirt')).toEqual([200, 'ok'])
  expect(await get('/readyz?verbose&exclude=libvirt')).toEqual([200, '[+]ping ok\nreadyz check passed\n'])
  expect(await get('/readyz/ping')).toEqual([200, 'ok'])
  expect(await get('/readyz/libvirt')).toEqual([503, '[-]libvirt failed: reason withheld\nreadyz check failed\n'])
  expect(await get('/livez?verbose')).toEqual([200, '[+]ping ok\nlivez check passed\n'])
  for (const path of ['/readyz/other', '/livez/libvirt', '/readyz/ping/more'])
    expect((await api.call('GET', path)).code).toBe(404)
  broken = false
  expect(await get('/readyz/libvirt?verbose')).toEqual([200, '[+]libvirt ok\nreadyz check passed\n'])
})

it('probes streams, and tells plain requests what they are', async () => {
  const url = '/apis/subresources.test.berth/v1/namespaces/default/widgets'
  expect((await api.call('GET', `${url}/there/console?probe=true`)).body).toEqual({ holder: 'me' })
  const plain = await api.call('GET', `${url}/there/console`)
  expect([plain.code, plain.body.message]).toEqual([400, expect.stringContaining('websocket')])
  expect((await api.call('GET', `${url}/absent/console?probe=true`)).body.message).toBe('no such widget')
  expect((await api.call('GET', `${url}/there/vnc`)).code).toBe(404)
})
