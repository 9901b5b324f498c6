// Requests that are wrong, hostile or unlucky: each gets a Status, none gets an internal text.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ApiError } from '../../../../lib/errors.ts'
import { startServer, type TestServer, WIDGETS, widget } from './server.ts'

let api: TestServer
beforeAll(async () => {
  api = await startServer({
    admission: [
      ({ object, operation }) => {
        if (object.metadata.name === 'crash') throw new Error('the password is hunter2')
        if (object.metadata.name === 'refused' && operation === 'create')
          throw new ApiError('Forbidden', 'no room for this', { retryAfterSeconds: 7 })
      },
    ],
  })
  await api.call('POST', WIDGETS, widget('a'))
})
afterAll(() => api.stop())

const expectStatus = (reply: Awaited<ReturnType<TestServer['call']>>, code: number, reason: string) => {
  expect([reply.code, reply.body?.reason, reply.body?.kind, reply.body?.status, reply.body?.code]).toEqual([
    code,
    reason,
    'Status',
    'Failure',
    code,
  ])
  expect(reply.headers['content-type']).toContain('application/json')
}

describe('paths', () => {
  it.each([
    '/nothing',
    '/apis/no.group',
    '/apis/test.berth/v9',
    '/apis/test.berth/v1/gadgets',
    '/api/v2',
    '/openapi/v3/apis/x/y',
  ])('%s is not there', async (url) => expectStatus(await api.call('GET', url), 404, 'NotFound'))

  it.each([
    `${WIDGETS}/a/scale`,
    `${WIDGETS}/a/status/more`,
    '/apis/test.berth/v1/widgets/a',
    '/api/v1/namespaces/default/namespaces/x',
    '/api/v1/namespaces/default/notes/x/status',
  ])('%s is not there either', async (url) => expectStatus(await api.call('GET', url), 404, 'NotFound'))

  it.each([
    `${WIDGETS}/%61`,
    `${WIDGETS}/a%2fstatus`,
    `${WIDGETS}/a%00`,
    `${WIDGETS}/a%zz`,
    `${WIDGETS}//a`,
    `${WIDGETS}/${'a'.repeat(254)}`,
    `/${'a/'.repeat(1500)}`,
    `${WIDGETS}/a;b`,
  ])('%s is a trick', async (url) => expectStatus(await api.call('GET', url), 400, 'BadRequest'))

  it('takes a slash at the end', async () => {
    expect((await api.call('GET', `${WIDGETS}/`)).code).toBe(200)
  })
})

describe('methods', () => {
  it.each([
    ['PUT', WIDGETS],
    ['PATCH', WIDGETS],
    ['POST', `${WIDGETS}/a`],
    ['DELETE', `${WIDGETS}/a/status`],
    ['POST', '/apis/test.berth/v1/widgets'],
    ['POST', '/apis'],
    ['DELETE', '/version'],
    ['OPTIONS', WIDGETS],
  ])('%s %s is not possible', async (method, url) => expectStatus(await api.call(method, url), 405, 'MethodNotAllowed'))
})

describe('forms', () => {
  it.each(['text/html', 'application/vnd.kubernetes.protobuf', 'application/json;as=Chart;v=v1;g=meta.k8s.io'])(
    'has no %s',
    async (accept) => expectStatus(await api.call('GET', WIDGETS, undefined, { accept }), 406, 'NotAcceptable'),
  )

  it('takes the first form it has', async () => {
    const accept = 'application/vnd.kubernetes.protobuf, application/json;q=0.5'
    expect((await api.call('GET', WIDGETS, undefined, { accept })).code).toBe(200)
    const yaml = await api.call('GET', `${WIDGETS}/a`, undefined, { accept: 'application/yaml' })
    expect(yaml.text).toContain('\nkind: Widget\n')
  })

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/cbor', 'nonsense'])(
    'takes no body of %s',
    async (type) => {
      const reply = await api.call('POST', WIDGETS, 'a=b', { 'content-type': type })
      expectStatus(reply, 415, 'UnsupportedMediaType')
    },
  )

  it('takes no compressed bodies', async () => {
    const reply = await api.call('POST', WIDGETS, widget('z'), { 'content-encoding': 'gzip' })
    expectStatus(reply, 415, 'UnsupportedMediaType')
  })
})

describe('bodies', () => {
  const json = { 'content-type': 'application/json' }
  const yaml = { 'content-type': 'application/yaml' }
  it.each([
    ['{"a":', json],
    ['', json],
    ['[]', json],
    ['"text"', json],
    ['null', json],
    ['{"metadata":{"name":"x"},"__proto__":{"spec":{}}}', json],
    [`${'['.repeat(100_000)}`, json],
    [`{"metadata":{"name":"x"},"spec":${'{"a":'.repeat(70)}1${'}'.repeat(70)}}`, json],
    ['a: 1\na: 2\n', yaml],
    ['a: [1\n', yaml],
    [
      'a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n',
      yaml,
    ],
    ['--- {}\n--- {}\n', yaml],
  ])('refuses %.40j', async (body, headers) =>
    expectStatus(await api.call('POST', WIDGETS, body, headers), 400, 'BadRequest'),
  )

  it('does not quote a broken body', async () => {
    const reply = await api.call('POST', '/api/v1/namespaces/default/notes', '{"data":{"password":"hunter2}}', json)
    expect(reply.code).toBe(400)
    expect(reply.text).not.toContain('hunter2')
  })

  it('refuses what is too large', async () => {
    const large = (bytes: number) =>
      JSON.stringify({ ...widget('big'), spec: { size: 1, anything: 'x'.repeat(bytes) } })
    expectStatus(await api.call('POST', WIDGETS, large(3_200_000)), 413, 'RequestEntityTooLarge')
    expectStatus(await api.call('POST', WIDGETS, large(1_100_000)), 413, 'RequestEntityTooLarge')
    expect((await api.call('POST', WIDGETS, large(1_000_000))).code).toBe(201)
    const patch = JSON.stringify({ spec: { tags: { more: 'x'.repeat(100_000) } } })
    const merge = { 'content-type': 'application/merge-patch+json' }
    expectStatus(await api.call('PATCH', `${WIDGETS}/big`, patch, merge), 413, 'RequestEntityTooLarge')
  })

  it('finds one fault in a huge list as well as in a small one', async () => {
    const parts = Array.from({ length: 40_000 }, () => ({ nome: 1 }))
    const reply = await api.call('POST', WIDGETS, widget('many', { size: 1, parts }))
    expectStatus(reply, 422, 'Invalid')
    expect(reply.body.details.causes.length).toBeLessThanOrEqual(60)
  })
})

describe('queries', () => {
  it.each([
    'limit=-1',
    'limit=many',
    'watch=perhaps',
    'resourceVersion=new',
    'labelSelector=a%20b',
    'labelSelector=a%3D%21',
    'labelSelector=a%20in%20(',
    'fieldSelector=spec.size%3D1',
    'fieldSelector=metadata.name',
    'continue=nonsense',
    'watch=true&timeoutSeconds=x',
    'includeObject=Some',
  ])('refuses %s', async (query) => {
    expectStatus(await api.call('GET', `${WIDGETS}?${query}`), 400, 'BadRequest')
  })

  it('refuses revisions that it has not got', async () => {
    for (const query of [
      'resourceVersion=999999',
      'resourceVersion=1&resourceVersionMatch=Exact',
      'watch=1&resourceVersion=999999',
    ])
      expectStatus(await api.call('GET', `${WIDGETS}?${query}`), 410, 'Expired')
  })
})

describe('faults', () => {
  it('tells nobody what broke, and logs it under the id that it tells', async () => {
    const reply = await api.call('POST', WIDGETS, widget('crash'))
    expectStatus(reply, 500, 'InternalError')
    expect(reply.text).not.toContain('hunter2')
    const id = /under (\S+)$/.exec(reply.body.message)?.[1] ?? 'none'
    expect(api.logged.some((line) => line.includes('hunter2') && line.includes(id))).toBe(true)
  })

  it('hands on the words of admission', async () => {
    const reply = await api.call('POST', WIDGETS, widget('refused'))
    expectStatus(reply, 403, 'Forbidden')
    expect([reply.body.message, reply.headers['retry-after']]).toEqual(['no room for this', '7'])
  })
})
