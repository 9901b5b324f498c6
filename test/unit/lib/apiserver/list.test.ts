// Lists: selection, pages, tables.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { startServer, type TestServer, WIDGETS, widget } from './server.ts'

let api: TestServer
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }

beforeAll(async () => {
  api = await startServer()
  const labels: Record<string, string>[] = [{ tier: 'a', app: 'x' }, { tier: 'b' }, {}]
  for (const [index, one] of labels.entries())
    await api.call('POST', WIDGETS, widget(`w${index}`, { size: index + 1 }, { labels: one }))
  await api.call('POST', WIDGETS.replace('default', 'other'), widget('far'))
  await api.call(
    'PATCH',
    `${WIDGETS}/w1/status`,
    {
      status: {
        phase: 'Ready',
        conditions: [
          { type: 'Live', status: 'False' },
          { type: 'Ready', status: 'True' },
        ],
      },
    },
    { 'content-type': 'application/merge-patch+json' },
  )
})
afterAll(() => api.stop())

const names = async (query: string, base = WIDGETS): Promise<string> => {
  const { body } = await api.call('GET', `${base}?${query}`)
  return body.items.map((item: { metadata: { name: string } }) => item.metadata.name).join(' ')
}

describe('selection', () => {
  it.each([
    ['', 'w0 w1 w2'],
    ['tier=a', 'w0'],
    ['tier==a', 'w0'],
    ['tier!=a', 'w1 w2'],
    ['tier', 'w0 w1'],
    ['!tier', 'w2'],
    ['tier in (a, b)', 'w0 w1'],
    ['tier in (b),!app', 'w1'],
    ['tier notin (b)', 'w0 w2'],
    ['tier,app=x', 'w0'],
    ['app=', ''],
    ['constructor', ''],
  ])('by labels %j', async (selector, expected) => {
    expect(await names(`labelSelector=${encodeURIComponent(selector)}`)).toBe(expected)
  })

  it.each([
    ['metadata.name=w1', 'w1'],
    ['metadata.name!=w1', 'w0 w2'],
    ['metadata.name=absent', ''],
    ['metadata.name=w1,status.phase=Ready', 'w1'],
    ['metadata.name=w0,status.phase=Ready', ''],
    ['status.phase=', 'w0 w2'],
    ['metadata.namespace=default', 'w0 w1 w2'],
  ])('by fields %j', async (selector, expected) => {
    expect(await names(`fieldSelector=${encodeURIComponent(selector)}`)).toBe(expected)
  })

  it('over all namespaces', async () => {
    expect(await names('', '/apis/test.berth/v1/widgets')).toBe('w0 w1 w2 far')
    expect(await names('fieldSelector=metadata.name%3Dfar', '/apis/test.berth/v1/widgets')).toBe('far')
  })
})

it('gives pages of one state', async () => {
  const first = (await api.call('GET', `${WIDGETS}?limit=2`)).body
  expect([first.items.length, first.metadata.remainingItemCount]).toEqual([2, 1])
  await api.call('POST', WIDGETS, widget('x-late'))
  const second = (await api.call('GET', `${WIDGETS}?limit=2&continue=${encodeURIComponent(first.metadata.continue)}`))
    .body
  expect(second.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(['w2'])
  expect([second.metadata.continue, second.metadata.resourceVersion]).toEqual([
    undefined,
    first.metadata.resourceVersion,
  ])
  await api.call('DELETE', `${WIDGETS}/x-late`)
})

it('has kind, version and revision', async () => {
  const { body } = await api.call('GET', WIDGETS)
  expect([body.kind, body.apiVersion]).toEqual(['WidgetList', 'test.berth/v1'])
  expect(BigInt(body.metadata.resourceVersion)).toBe(api.store.revision())
})

describe('tables', () => {
  it('have the columns of the kind', async () => {
    const { body, headers } = await api.call('GET', WIDGETS, undefined, TABLE)
    expect(headers['content-type']).toContain('as=Table')
    expect(
      body.columnDefinitions.map((column: { name: string; priority: number }) => [column.name, column.priority]),
    ).toEqual([
      ['Name', 0],
      ['Phase', 0],
      ['Ready', 0],
      ['Size', 1],
      ['Age', 0],
    ])
    const row = body.rows[1]
    expect(row.cells).toEqual(['w1', 'Ready', 'True', 2, expect.stringMatching(/^\d+s$/)])
    expect(row.object).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'w1' } })
    expect(row.object.spec).toBeUndefined()
    expect(body.rows[0].cells).toEqual(['w0', null, null, 1, expect.any(String)])
  })

  it('carry what is asked for', async () => {
    const none = await api.call('GET', `${WIDGETS}?includeObject=None`, undefined, TABLE)
    expect(none.body.rows[0].object).toBeUndefined()
    const whole = await api.call('GET', `${WIDGETS}/w1?includeObject=Object`, undefined, TABLE)
    expect(whole.body.rows[0].object.spec.size).toBe(2)
  })
})

it('gives metadata alone', async () => {
  const accept = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'
  const list = await api.call('GET', WIDGETS, undefined, { accept })
  expect(list.body.kind).toBe('PartialObjectMetadataList')
  expect(Object.keys(list.body.items[0])).toEqual(['kind', 'apiVersion', 'metadata'])
  const one = await api.call('GET', `${WIDGETS}/w0`, undefined, {
    accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  })
  expect(one.body.kind).toBe('PartialObjectMetadata')
})

describe('forms', () => {
  it.each(['', 'tier=nobody'])('a list in YAML says the same as one in JSON (%s)', async (selector) => {
    const url = `${WIDGETS}?labelSelector=${encodeURIComponent(selector)}`
    const yaml = await api.call('GET', url, undefined, { accept: 'application/yaml' })
    const json = await api.call('GET', url)
    expect(parse(yaml.text)).toEqual(json.body)
    const table = { accept: 'application/yaml;as=Table;v=v1;g=meta.k8s.io' }
    const rows = parse((await api.call('GET', url, undefined, table)).text)
    expect(rows).toMatchObject({ kind: 'Table', rows: json.body.items.map(() => ({ cells: expect.any(Array) })) })
  })
})
